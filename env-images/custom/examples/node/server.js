'use strict';
// A server of Node.js alone. HEARTH_LISTEN is a socket that no other program of the machine reaches; PORT would do as well.

const http = require('node:http');

const server = http.createServer((request, response) => {
  console.log(`${request.method} ${request.url}`);
  response.setHeader('Content-Type', 'text/plain');
  request.pipe(response);
});

process.on('SIGTERM', () => server.close(() => process.exit(0)));
server.listen(process.env.HEARTH_LISTEN.replace('unix:', ''));
