'use strict';
// A dry run of loading and calling over a socket of its own, so that the first real ones meet loaded modules and compiled code.

const fs = require('node:fs');
const net = require('node:net');
const os = require('node:os');
const path = require('node:path');
const { Instance } = require('./application');

const CODE = path.join(__dirname, 'rehearsed');
// After some rounds V8 has compiled what it compiles lazily and knows the shapes of the objects.
const ROUNDS = 8;

function post(target, body) {
  return `POST ${target} HTTP/1.1\r\nHost: x\r\nX-Request-Id: r\r\nContent-Type: application/json\r\n` +
      `Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`;
}

function order(entry) {
  return post('/v2/specialize', JSON.stringify({ filepath: CODE, functionName: entry, env: {} }));
}

/** Sends one request on the connection; resolves when something of its answer is here. */
function exchange(connection, text) {
  return new Promise((resolve, reject) => {
    connection.once('data', resolve);
    connection.once('error', reject);
    connection.once('close', () => reject(new Error('the connection was closed')));
    connection.write(text);
  }).finally(() => connection.removeAllListeners());
}

async function round(instance, address, entry) {
  const connection = net.connect(address);
  instance.forget();
  await exchange(connection, order(entry));
  await exchange(connection, 'GET /?name=x HTTP/1.1\r\nHost: x\r\nX-Request-Id: r\r\n\r\n');
  await exchange(connection, post('/', '{"a": 1}'));
  connection.destroy();
}

function forgetCode() {
  delete require.cache[path.join(CODE, 'index.js')];
}

/** Drives a server made by `makeServer(instance)`. It must not fail what comes after it: a fault is only told. */
async function rehearse(makeServer) {
  const folder = process.cwd();
  let place;
  try {
    place = fs.mkdtempSync(path.join(os.tmpdir(), 'rehearsal-'));
    const instance = new Instance();
    const { server } = makeServer(instance);
    const address = path.join(place, 'socket');
    await new Promise((resolve, reject) => server.once('error', reject).listen(address, resolve));
    for (let i = 0; i < ROUNDS; i++) {
      await round(instance, address, i === 0 ? 'index.mjs' : 'index');
      forgetCode();
    }
    server.close();
  } catch (error) {
    console.error(`nodejs environment: the first call will be slow, as its rehearsal failed: ${error.message}`);
  } finally {
    process.chdir(folder);
    if (place) fs.rmSync(place, { recursive: true, force: true });
  }
}

module.exports = { rehearse };
