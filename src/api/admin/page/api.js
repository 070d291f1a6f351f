// Requests to the daemon. The session is the HttpOnly cookie; where the browser does not keep it (plain http beyond
// loopback, Safari on loopback), the token stays in this tab's memory and is gone with it.
let csrf = '';
let token = '';
let onEnd = () => {};

export class Problem extends Error {
  constructor(status, body) {
    super(body.detail || body.title || `answer ${status}`);
    this.status = status;
    this.errors = body.errors || [];
    this.trace = body.trace || '';
    this.requestId = body.requestId || '';
    this.remedy = body.remedy || '';
  }
}

export function whenSessionEnds(then) { onEnd = then; }

function headersOf(more, method) {
  const headers = { ...more };
  if (token) headers.Authorization = `Bearer ${token}`;
  else if (csrf) headers['X-Hearth-Csrf'] = csrf;
  if (method !== 'GET' && headers['Content-Type'] === '') delete headers['Content-Type'];
  return headers;
}

async function problemOf(response) {
  let body = {};
  try { body = await response.json(); } catch { body = { title: `${response.status} ${response.statusText}` }; }
  return new Problem(response.status, body);
}

/// The Response of a request that was answered 2xx; else throws a Problem.
export async function send(method, path, { body, type, headers, signal } = {}) {
  const all = headersOf(headers || {}, method);
  let sent = body;
  if (body !== undefined && typeof body !== 'string') { sent = JSON.stringify(body); type = type || 'application/json'; }
  if (sent !== undefined) all['Content-Type'] = type || 'application/yaml';
  let response;
  try {
    response = await fetch(path, { method, headers: all, body: sent, signal, credentials: 'same-origin', cache: 'no-store' });
  } catch (e) {
    if (e.name === 'AbortError') throw e;
    throw new Problem(0, { detail: 'The daemon does not answer. Is it running?' });
  }
  if (response.ok) return response;
  const problem = await problemOf(response);
  if (response.status === 401) onEnd(problem.message);
  throw problem;
}

export async function json(method, path, options) { return (await send(method, path, options)).json(); }
export const get = (path, signal) => json('GET', path, { signal });
export async function text(path, signal) { return (await send('GET', path, { signal })).text(); }

/// A call of a function: its answer whatever the status.
export async function call(path, method, headers, body) {
  const begun = performance.now();
  const response = await fetch(path, {
    method, headers: headersOf(headers), body: method === 'GET' || method === 'HEAD' || !body ? undefined : body,
    credentials: 'same-origin', cache: 'no-store', redirect: 'manual',
  });
  const bytes = new Uint8Array(await response.arrayBuffer());
  return { status: response.status, headers: [...response.headers], bytes, ms: performance.now() - begun };
}

/// Pieces of a streamed text, until it ends or `signal` aborts.
export async function pieces(path, signal, each) {
  const response = await send('GET', path, { signal });
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    each(value);
  }
}

/// Values of a stream of JSON lines.
export async function lines(path, signal, each) {
  let rest = '';
  await pieces(path, signal, (piece) => {
    const found = (rest + piece).split('\n');
    rest = found.pop();
    for (const line of found) if (line) each(JSON.parse(line));
  });
}

async function sessionOf(response) {
  const session = await response.json();
  csrf = session.csrf || '';
  return session;
}

/// Who is logged in, or null.
export async function resume() {
  const response = await fetch('/api/v1/session', { headers: headersOf({}), credentials: 'same-origin', cache: 'no-store' });
  if (response.status === 401 || response.status === 403) return null;
  if (!response.ok) throw await problemOf(response);
  return sessionOf(response);
}

export async function login(text_) {
  const response = await fetch('/api/v1/session', {
    method: 'POST', headers: { Authorization: `Bearer ${text_}` }, credentials: 'same-origin', cache: 'no-store',
  });
  if (!response.ok) throw await problemOf(response);
  const session = await sessionOf(response);
  const kept = await resume();
  if (kept) return kept;
  token = text_;
  csrf = '';
  return { ...session, inMemory: true };
}

export async function logout() {
  try { await send('DELETE', '/api/v1/session'); } catch { /* it has ended already */ }
  token = csrf = '';
}

export const objectPath = (plural, ns, name) =>
  `/api/v1/namespaces/${encodeURIComponent(ns)}/${plural}${name ? `/${encodeURIComponent(name)}` : ''}`;
