'use strict';
// An instance as an express application: generic until code is loaded, the function's afterwards.

const express = require('express');
const { parseBody } = require('./bodies');
const { call, isApplication } = require('./calling');
const { load } = require('./loading');
const { attributed, finish } = require('./output');

const V1_PATH = '/userfunc/user';
const PLATFORM = { '/healthz': ['GET', 'HEAD'], '/specialize': ['POST'], '/v2/specialize': ['POST'] };

class Instance {
  constructor() {
    this.userFunction = null;
    this.streamed = false;
    this.loading = false;
    this.app = express();
    this.app.disable('x-powered-by');
    this.app.set('query parser', 'extended');
    this.app.use((request, response) => this.handle(request, response));
  }

  /** Back to generic, for a rehearsal only: modules stay loaded. */
  forget() {
    this.userFunction = null;
  }

  handle(request, response) {
    if (this.userFunction && !isPlatform(request)) {
      this.callFunction(request, response);
    } else if (request.path === '/healthz' && isPlatform(request)) {
      text(response, 200, 'ok\n');
    } else if (isPlatform(request)) {
      this.specialize(request, response);
    } else {
      text(response, 500, 'Generic container: no requests supported\n');
    }
  }

  callFunction(request, response) {
    const id = request.headers['x-request-id'] || request.headers['x-fission-request-id'] || '';
    request.params = pathParameters(request);
    response.on('close', () => finish(id));
    attributed(id, () => {
      if (isApplication(this.userFunction)) call(this.userFunction, request, response);
      else parseBody(request, response, this.streamed, () => attributed(id, () => call(this.userFunction, request, response)));
    });
  }

  specialize(request, response) {
    if (request.path === '/specialize') {
      this.loadCode({ filepath: V1_PATH }, response);
      return;
    }
    const chunks = [];
    request.on('data', (chunk) => chunks.push(chunk));
    request.on('end', () => {
      const { order, fault } = readOrder(Buffer.concat(chunks));
      if (fault) text(response, 400, `${fault}\n`);
      else this.loadCode(order, response);
    });
  }

  async loadCode(order, response) {
    if (this.userFunction || this.loading) {
      text(response, 400, 'Not a generic container: code is loaded already\n');
      return;
    }
    this.loading = true;
    try {
      Object.assign(process.env, order.env);
      const userFunction = await load(order.filepath, order.functionName || '');
      this.streamed = Boolean(userFunction.hearth && userFunction.hearth.stream);
      this.userFunction = userFunction;
      text(response, 202, '');
    } catch (error) {
      console.error(error.message);
      text(response, 500, `${error.message}\n`);
    } finally {
      this.loading = false;
    }
  }
}

/** Once code is loaded these are the platform's, unless the gateway passes on a caller's request. */
function isPlatform(request) {
  const methods = PLATFORM[request.path];
  return Boolean(methods) && methods.includes(request.method) && !request.headers['x-fission-function-name'];
}

function pathParameters(request) {
  const found = {};
  for (let i = 0; i < request.rawHeaders.length; i += 2) {
    const name = request.rawHeaders[i];
    if (name.toLowerCase().startsWith('x-fission-params-')) found[name.slice(17)] = request.rawHeaders[i + 1];
  }
  return found;
}

function readOrder(body) {
  let order;
  try {
    order = JSON.parse(body.toString('utf8'));
  } catch (error) {
    return { fault: `the body is not JSON: ${error.message}` };
  }
  if (!order || typeof order !== 'object' || Array.isArray(order)) {
    return { fault: 'the body must be a JSON object with filepath and functionName' };
  }
  if (typeof order.filepath !== 'string' || !order.filepath) return { fault: 'filepath must be the path of the code' };
  if (typeof (order.functionName || '') !== 'string') return { fault: 'functionName must be a text such as index.handler' };
  const env = order.env || {};
  if (typeof env !== 'object' || Object.values(env).some((value) => typeof value !== 'string')) {
    return { fault: 'env must be an object of texts' };
  }
  return { order };
}

function text(response, status, body) {
  response.status(status).type('text/plain').send(body);
}

module.exports = { Instance };
