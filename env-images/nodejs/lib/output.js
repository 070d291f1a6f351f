'use strict';
// The function's output as one JSON object per line, each with its request's id.

const { AsyncLocalStorage } = require('node:async_hooks');

const LINE_LIMIT = 16 * 1024;
const requests = new AsyncLocalStorage();
const streams = [];

function currentId() {
  return requests.getStore() || '';
}

/** Runs `work` with every line that it, or what it starts, writes attributed to `requestId`. */
function attributed(requestId, work) {
  return requests.run(requestId, work);
}

class JsonLines {
  constructor(name) {
    this.name = name;
    this.partial = new Map();
  }

  write(text) {
    const id = currentId();
    const lines = ((this.partial.get(id) || '') + text).split('\n');
    let rest = lines.pop();
    for (; rest.length > LINE_LIMIT; rest = rest.slice(LINE_LIMIT)) lines.push(rest.slice(0, LINE_LIMIT));
    if (rest) this.partial.set(id, rest);
    else this.partial.delete(id);
    this.emit(id, lines);
  }

  finish(id) {
    const rest = this.partial.get(id);
    if (!rest) return;
    this.partial.delete(id);
    this.emit(id, [rest]);
  }

  emit(id, lines) {
    let out = '';
    for (const line of lines) {
      for (let start = 0; start < (line.length || 1); start += LINE_LIMIT) {
        const message = line.slice(start, start + LINE_LIMIT);
        out += `${JSON.stringify({ hearth: 1, stream: this.name, request_id: id, message })}\n`;
      }
    }
    if (out) writeOut(out);
  }
}

const writeOut = process.stdout.write.bind(process.stdout);

function redirect(target, name) {
  const lines = new JsonLines(name);
  streams.push(lines);
  target.write = (chunk, encoding, callback) => {
    const done = typeof encoding === 'function' ? encoding : callback;
    const text = typeof chunk === 'string' ? chunk : Buffer.from(chunk).toString('utf8');
    lines.write(text);
    if (done) process.nextTick(done);
    return true;
  };
}

/** Puts the JSON streams in place when HEARTH_LOG=json; else output stays plain. */
function install() {
  process.stdout.on('error', () => {}); // nobody reads any more; the function must not fail for it
  process.stderr.on('error', () => {});
  if (process.env.HEARTH_LOG !== 'json') return;
  redirect(process.stdout, 'out');
  redirect(process.stderr, 'err');
}

/** Writes the unfinished line of a request that has ended. */
function finish(requestId) {
  for (const stream of streams) stream.finish(requestId);
}

module.exports = { attributed, currentId, finish, install };
