'use strict';
// Websockets: the function is called with (socket, all open sockets), as in Fission.

const { WebSocketServer } = require('ws');
const { isApplication } = require('./calling');
const { attributed, finish } = require('./output');

/** Handles upgrades of `server` for the function that `currentFunction()` returns. */
function attach(server, currentFunction) {
  const sockets = new WebSocketServer({ noServer: true, maxPayload: 64 * 1024 * 1024 });
  server.on('upgrade', (request, socket, head) => {
    const userFunction = currentFunction();
    if (!userFunction) {
      socket.end('HTTP/1.1 500 Internal Server Error\r\nConnection: close\r\n\r\n');
      return;
    }
    if (isApplication(userFunction)) {
      socket.end('HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\nConnection: close\r\n\r\nThe function takes no websockets\n');
      return;
    }
    sockets.handleUpgrade(request, socket, head, (websocket) => {
      const id = request.headers['x-request-id'] || '';
      websocket.request = request;
      websocket.on('error', () => websocket.terminate());
      websocket.on('close', () => finish(id));
      attributed(id, () => run(userFunction, websocket, sockets.clients));
    });
  });
  return sockets;
}

async function run(userFunction, websocket, clients) {
  try {
    await userFunction(websocket, clients);
  } catch (error) {
    console.error(error && error.stack ? error.stack : error);
    websocket.close(1011, 'the function failed');
  }
}

module.exports = { attach };
