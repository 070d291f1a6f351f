'use strict';
// One call: Fission's context and callback conventions on express' request and response.

const { Readable } = require('node:stream');
const { pipeline } = require('node:stream/promises');
const { currentId } = require('./output');

class Context {
  #response;
  constructor(request, response) {
    this.request = request;
    this.touched = false;
    this.#response = response;
    Object.defineProperty(this, 'touched', { enumerable: false });
  }

  /** Who asks for the response may answer by itself, now or later. */
  get response() {
    this.touched = true;
    return this.#response;
  }
}

function fail(response, error) {
  console.error(error && error.stack ? error.stack : error);
  if (response.headersSent) {
    response.destroy();
    return;
  }
  const kind = error && error.name ? error.name : typeof error;
  const id = currentId();
  for (const name of response.getHeaderNames()) response.removeHeader(name);
  response.status(500).type('text/plain')
      .send(`The function failed: ${kind}. Its log has the trace${id ? `, request id ${id}` : ''}.\n`);
}

function checkedStatus(status) {
  if (status === undefined || status === null) return 200;
  const number = Number(status);
  if (Number.isInteger(number) && number >= 200 && number <= 599) return number;
  throw new TypeError(`the function returned status ${String(status)}; it must be a number from 200 to 599`);
}

function isStream(body) {
  return body && typeof body === 'object' && !Buffer.isBuffer(body) && !ArrayBuffer.isView(body) &&
      (typeof body.pipe === 'function' || typeof body.getReader === 'function' || typeof body[Symbol.asyncIterator] === 'function' ||
       typeof body.next === 'function');
}

async function answer(response, status, body, headers) {
  response.status(checkedStatus(status));
  const pairs = headers && typeof headers.entries === 'function' ? [...headers.entries()] : Object.entries(headers || {});
  for (const [name, value] of pairs) response.set(name, value);
  if (isStream(body)) {
    await pipeline(Readable.from(body), response);
  } else if (body === undefined || body === null) {
    response.end();
  } else if (ArrayBuffer.isView(body) && !Buffer.isBuffer(body)) {
    response.send(Buffer.from(body.buffer, body.byteOffset, body.byteLength));
  } else {
    response.send(typeof body === 'number' || typeof body === 'bigint' ? String(body) : body);
  }
}

const FIELDS = ['status', 'body', 'headers'];

async function answerResult(response, result) {
  // By its tag: to name the global Response would load all of fetch, tens of milliseconds for functions that do without.
  if (Object.prototype.toString.call(result) === '[object Response]') {
    return answer(response, result.status, result.body, result.headers);
  }
  const described = result && typeof result === 'object' && FIELDS.some((field) => field in result) && !isStream(result);
  return described ? answer(response, result.status, result.body, result.headers) : answer(response, 200, result);
}

/** The response answers by itself: sent already, or something is piped into it. */
function isAnswering(response) {
  return response.headersSent || response.writableEnded || response.listenerCount('unpipe') > 0;
}

async function callWithContext(userFunction, request, response) {
  const context = new Context(request, response);
  const returned = userFunction(context);
  const promised = Boolean(returned) && typeof returned.then === 'function';
  const result = await returned;
  if (isAnswering(response)) return;
  if (result === undefined && context.touched && !promised) return; // it will answer from a callback of its own
  await answerResult(response, result);
}

function callWithCallback(userFunction, request, response) {
  const context = new Context(request, response);
  let answered = false;
  const callback = (status, body, headers) => {
    if (answered || isAnswering(response)) return;
    answered = true;
    answer(response, status, body, headers).catch((error) => fail(response, error));
  };
  return userFunction(context, callback);
}

/** An express (or connect) application or router: answers by itself, with its own parsers and error handlers. */
function isApplication(userFunction) {
  return typeof userFunction.handle === 'function';
}

/** What no route of an application took, or an error none of its handlers took. */
function passedOn(request, response, error) {
  const status = error && Number(error.status);
  if (error && !(status >= 400 && status < 500)) return fail(response, error);
  if (response.headersSent) return response.destroy();
  return response.status(status || 404).type('text/plain').send(error ? `${error.message}\n` : `Cannot ${request.method} ${request.path}\n`);
}

/** Calls the function and answers; resolves when the call has returned, never rejects. */
async function call(userFunction, request, response) {
  try {
    if (isApplication(userFunction)) userFunction(request, response, (error) => passedOn(request, response, error));
    else if (userFunction.length >= 2) await callWithCallback(userFunction, request, response);
    else await callWithContext(userFunction, request, response);
  } catch (error) {
    fail(response, error);
  }
}

module.exports = { call, isApplication };
