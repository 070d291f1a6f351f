'use strict';
// request.body as Fission's users know it; everything else stays a stream.

const express = require('express');

const LIMIT = process.env.BODY_PARSER_LIMIT || '256mb';

function keepRaw(request, response, buffer) {
  request.rawBody = buffer;
}

const PARSERS = [
  express.json({ limit: LIMIT, verify: keepRaw, strict: false }),
  express.urlencoded({ limit: LIMIT, verify: keepRaw, extended: false }),
  express.text({ limit: LIMIT, verify: keepRaw, type: 'text/*' }),
  express.raw({ limit: LIMIT, verify: keepRaw }),
];

/**
 * JSON, forms, text and application/octet-stream are parsed before the call, their bytes in request.rawBody; a body of
 * another type is read by the function from the request as a stream. With `stream: true` in its `hearth` export every body is.
 */
function parseBody(request, response, streamed, next) {
  const parsers = streamed || (!request.headers['content-length'] && !request.headers['transfer-encoding']) ? [] : PARSERS;
  let index = 0;
  const step = (error) => {
    if (error) return refuse(error, response);
    const parser = parsers[index++];
    if (parser && request.body === undefined) return parser(request, response, step);
    if (request.body === undefined) request.body = {};
    return next();
  };
  step();
}

function refuse(error, response) {
  if (error.type === 'request.aborted') return response.destroy();
  return response.status(error.status || 400).type('text/plain').send(`The request body cannot be read: ${error.message}\n`);
}

module.exports = { parseBody };
