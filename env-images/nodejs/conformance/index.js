'use strict';
// One route per behaviour that functions may rely on.

const { createHash } = require('node:crypto');
const { setTimeout: pause } = require('node:timers/promises');

const PLAIN = { 'Content-Type': 'text/plain; charset=utf-8' };

function text(body, status = 200, headers = {}) {
  return { status, body, headers: { ...PLAIN, ...headers } };
}

async function whole(request) {
  const pieces = [];
  for await (const piece of request) pieces.push(piece);
  return Buffer.concat(pieces);
}

async function* chunks(count, ms) {
  for (let i = 0; i < count; i++) {
    if (i > 0) await pause(ms);
    yield `chunk ${i}\n`;
  }
}

function* digits(bytes) {
  const block = Buffer.from('0123456789'.repeat(6400));
  for (let left = bytes; left > 0; left -= block.length) yield block.subarray(0, left);
}

const routes = {
  '/hello': () => ({ body: 'hello\n', headers: { 'Content-Type': 'text/plain' } }),

  '/echo': async ({ request, response }) => {
    const body = await whole(request);
    response.setHeader('X-Method', request.method);
    response.setHeader('Content-Type', request.headers['content-type'] || 'application/octet-stream');
    response.end(body);
  },

  '/unicode': ({ request }) => text(`grüß ${request.query.name} ✓\n`),

  '/status': ({ request }) => text(`status ${request.query.code}\n`, Number(request.query.code), { 'X-Custom': 'yes' }),

  '/headers': ({ request }) => ({ body: request.headers }),

  '/stream': ({ request }) => text(chunks(Number(request.query.n), Number(request.query.ms))),

  '/large': ({ request }) => ({ body: digits(Number(request.query.bytes)), headers: PLAIN }),

  '/count': async ({ request }) => {
    const hash = createHash('sha256');
    let length = 0;
    for await (const piece of request) {
      length += piece.length;
      hash.update(piece);
    }
    return text(`${length} ${hash.digest('hex')}\n`);
  },

  '/throw': () => {
    throw new Error('conformance-throw');
  },

  '/sleep': async ({ request }) => {
    await pause(Number(request.query.ms));
    return text('slept\n');
  },

  '/forever': () => new Promise(() => {}),

  '/print': ({ request }) => {
    console.log(`out ${request.query.text}`);
    console.error(`err ${request.query.text}`);
    return text('printed\n');
  },

  '/env': ({ request }) => {
    const value = process.env[request.query.name];
    return value === undefined ? text('no such variable\n', 404) : text(value);
  },
};

module.exports = async (context) => {
  const route = routes[context.request.path];
  return route ? route(context) : text(`no such path: ${context.request.path}\n`, 404);
};
module.exports.hearth = { stream: true };
