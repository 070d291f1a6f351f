// A whole express application: hearth deploy env-images/nodejs/examples/express --route '/notes/*'
const express = require('express');

const app = express();
const notes = [];

app.use(express.json());
app.get('/', (request, response) => response.json(notes));
app.post('/', (request, response) => {
  notes.push(request.body);
  response.status(201).json({ index: notes.length - 1 });
});

module.exports = app;
