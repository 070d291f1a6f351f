#!/usr/bin/env node
'use strict';
// One instance of the Node.js environment: serves on HEARTH_LISTEN, else on 0.0.0.0:8888.

const http = require('node:http');
const { Instance } = require('./lib/application');
const { DEFAULT, listenOptions } = require('./lib/listen');
const output = require('./lib/output');
const { rehearse } = require('./lib/rehearsal');
const websockets = require('./lib/websockets');

const DRAIN_SECONDS = 90; // what a pod gets by default

function fatal(error) {
  console.error(`Uncaught ${error && error.stack ? error.stack : error}`);
  output.finish(output.currentId());
  process.exit(1);
}

function cutOff() {
  console.error('nodejs environment: calls still run after HEARTH_DRAIN_SECONDS; they are cut off');
  process.exit(1);
}

function drain(server, sockets) {
  setTimeout(cutOff, 1000 * (Number(process.env.HEARTH_DRAIN_SECONDS) || DRAIN_SECONDS)).unref();
  for (const socket of sockets.clients) socket.close(1001, 'the instance ends');
  server.close(() => process.exit(0));
  server.closeIdleConnections();
  server.prependListener('request', (request, response) => response.setHeader('Connection', 'close'));
  setInterval(() => server.closeIdleConnections(), 50).unref();
}

function makeServer(instance) {
  // The gateway has its own, stricter limits; a request that passed them must not fail here.
  const server = http.createServer({ maxHeaderSize: 256 * 1024, requestTimeout: 0, keepAliveTimeout: 0 }, instance.app);
  server.maxHeadersCount = 0;
  return { server, sockets: websockets.attach(server, () => instance.userFunction) };
}

async function main() {
  output.install();
  process.on('uncaughtException', fatal);
  const leave = () => process.exit(0);
  process.on('SIGTERM', leave);
  await rehearse(makeServer);
  process.off('SIGTERM', leave);
  const { server, sockets } = makeServer(new Instance());
  server.on('error', (error) => {
    console.error(`nodejs environment: cannot listen on ${process.env.HEARTH_LISTEN || DEFAULT}: ${error.message}`);
    process.exit(1);
  });
  process.on('SIGTERM', () => drain(server, sockets));
  server.listen(listenOptions(process.env.HEARTH_LISTEN));
}

main();
