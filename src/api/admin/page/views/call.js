import { useState } from 'preact/hooks';
import { html, Badge, Failure, Field, Panel } from '../ui.js';
import { useBusy } from '../hooks.js';
import { call, objectPath, Problem } from '../api.js';
import { bytes, span } from '../format.js';

const METHODS = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'HEAD', 'OPTIONS'];
const MOST_SHOWN = 256 * 1024;

function headersOf(text) {
  const headers = {};
  for (const line of text.split('\n').map((one) => one.trim()).filter(Boolean)) {
    const cut = line.indexOf(':');
    if (cut < 1) throw new Problem(0, { detail: `“${line}” is no header: write Name: value` });
    headers[line.slice(0, cut).trim()] = line.slice(cut + 1).trim();
  }
  return headers;
}

/// The body as text where it is text, JSON indented.
function shown({ bytes: body, headers }) {
  const part = body.subarray(0, MOST_SHOWN);
  let text;
  try { text = new TextDecoder('utf-8', { fatal: body.length <= MOST_SHOWN }).decode(part); } catch { return { note: `${bytes(body.length)} that are no text` }; }
  const type = (headers.find(([name]) => name === 'content-type') || [])[1] || '';
  if (type.includes('json')) try { text = JSON.stringify(JSON.parse(text), null, 2); } catch { /* as it came */ }
  return { text, note: body.length > MOST_SHOWN ? `the first ${bytes(MOST_SHOWN)} of ${bytes(body.length)}` : '' };
}

export function TestCall({ ns, name }) {
  const [method, setMethod] = useState('GET'), [path, setPath] = useState('/'), [headers, setHeaders] = useState(''), [body, setBody] = useState('');
  const [answer, setAnswer] = useState(null);
  const { busy, error, run } = useBusy();
  const send = (e) => { e.preventDefault(); run(async () => { setAnswer(null); setAnswer(await call(`${objectPath('functions', ns, name)}/call${path.startsWith('/') ? path : `/${path}`}`, method, headersOf(headers), body)); }); };
  const view = answer && shown(answer), timing = answer && (answer.headers.find(([one]) => one === 'server-timing') || [])[1];
  const bodiless = method === 'GET' || method === 'HEAD';
  return html`<div class="grid"><${Panel} title="Request" id="request"><form onSubmit=${send}>
      <div class="bar"><${Field} label="Method"><select value=${method} onChange=${(e) => setMethod(e.target.value)}>${METHODS.map((one) => html`<option>${one}</option>`)}</select><//>
        <${Field} label="Path and query" grow><input class="mono" value=${path} onInput=${(e) => setPath(e.target.value)} spellcheck="false" /><//></div>
      <${Field} label="Headers, one a line"><textarea class="mono" rows="3" placeholder="Content-Type: application/json" value=${headers} onInput=${(e) => setHeaders(e.target.value)} spellcheck="false"></textarea><//>
      ${!bodiless && html`<${Field} label="Body"><textarea class="mono" rows="8" value=${body} onInput=${(e) => setBody(e.target.value)} spellcheck="false"></textarea><//>`}
      <div class="actions"><button class="primary" disabled=${busy}>${busy ? 'Waiting …' : 'Call'}</button></div></form><//>
    <${Panel} title="Answer" id="answer"><div aria-live="polite"><${Failure} error=${error} />
      ${!answer && !error && html`<p class="muted">The function's answer appears here.</p>`}
      ${answer && html`<p><${Badge} tone=${answer.status < 400 ? 'good' : 'bad'}>${answer.status || 'redirect'}<//> in ${span(answer.ms)}, ${bytes(answer.bytes.length)}</p>
        ${timing && html`<dl class="timing">${timing.split(',').map((one) => one.trim().split(';dur=')).map(([phase, ms]) => html`<div><dt>${phase}</dt><dd>${Number(ms).toFixed(1)} ms</dd></div>`)}</dl>`}
        <details><summary>Headers (${answer.headers.length})</summary><pre tabindex="0">${answer.headers.map(([one, value]) => `${one}: ${value}`).join('\n')}</pre></details>
        ${view.note && html`<p class="muted">${view.note}</p>`}${view.text !== undefined && html`<pre class="answer" tabindex="0" aria-label="Body of the answer">${view.text}</pre>`}`}</div><//></div>`;
}
