import { useCallback, useEffect, useState } from 'preact/hooks';
import { html, Badge, Empty, Facts, Failure, Field, Head, Loading, Panel, Table } from '../ui.js';
import { useBusy, useGet, useTitle } from '../hooks.js';
import { get, json, objectPath } from '../api.js';
import { useKind } from '../store.js';
import { age, local, number, span } from '../format.js';
import { can, session } from '../session.js';

const TONE = { succeeded: 'good', failed: 'bad', running: 'warn', waiting: '' };

/// Calls of one namespace, page by page.
function useCalls(ns, state, fn) {
  const [items, setItems] = useState([]), [next, setNext] = useState(''), [error, setError] = useState(null), [there, setThere] = useState(false);
  const path = `${objectPath('calls', ns)}?limit=100${state ? `&state=${state}` : ''}${fn ? `&function=${encodeURIComponent(fn)}` : ''}`;
  const read = useCallback(async (signal) => {
    try {
      const page = await get(path, signal);
      // Older pages that were asked for stay below.
      setItems((before) => { const last = page.items[page.items.length - 1]; const at = last ? before.findIndex((one) => one.id === last.id) : -1; return at >= 0 ? [...page.items, ...before.slice(at + 1)] : page.items; });
      setNext((before) => before || page.continue);
      setError(null);
    } catch (e) { if (!signal || !signal.aborted) setError(e); }
    setThere(true);
  }, [path]);
  useEffect(() => {
    const controller = new AbortController();
    setItems([]); setNext(''); setThere(false);
    let timer = 0;
    const turn = async () => { if (document.visibilityState === 'visible') await read(controller.signal); if (!controller.signal.aborted) timer = setTimeout(turn, 3000); };
    turn();
    return () => { controller.abort(); clearTimeout(timer); };
  }, [read]);
  const more = async () => { const page = await get(`${path}&continue=${encodeURIComponent(next)}`); setItems((before) => [...before, ...page.items]); setNext(page.continue); };
  return { items, next, more, error, there, read };
}

export function Calls({ ns, params, setParams }) {
  useTitle('Calls');
  const namespaces = [...new Set(useKind('functions').items.map((one) => one.metadata.namespace))];
  const home = ns || session.who.namespace || namespaces[0] || 'default';
  const state = params.get('state') || '', fn = params.get('function') || '';
  const set = (more) => setParams(Object.fromEntries(Object.entries({ state, function: fn, ...more }).filter(([, value]) => value)));
  const calls = useCalls(home, state, fn);
  const { busy, error, run } = useBusy();
  const dead = calls.items.filter((one) => one.state === 'failed');
  const redrive = (ids) => run(async () => { for (const id of ids) await json('POST', `${objectPath('calls', home, id)}/redrive`); await calls.read(); });
  return html`<${Head} title="Asynchronous calls" />
    <div class="bar"><${Field} label="State"><select value=${state} onChange=${(e) => set({ state: e.target.value })}>${['', 'waiting', 'running', 'succeeded', 'failed'].map((one) => html`<option value=${one}>${one === '' ? 'all' : one === 'failed' ? 'failed (dead letters)' : one}</option>`)}</select><//>
      <${Field} label="Function" grow><input value=${fn} placeholder="all" onChange=${(e) => set({ function: e.target.value.trim() })} /><//>
      ${can('deploy') && dead.length > 0 && html`<button disabled=${busy} onClick=${() => redrive(dead.map((one) => one.id))}>Redrive the ${number(dead.length)} shown</button>`}</div>
    <p class="muted">Namespace ${home}.</p><${Failure} error=${calls.error || error} />
    <${Table} label="Calls" items=${calls.items} keyOf=${(one) => one.id} href=${(one) => `#/calls/${home}/${one.id}`} loading=${!calls.there}
      empty=${html`<${Empty} title="No such calls">A request with <code>X-Hearth-Async: true</code> is answered at once and called later.<//>`} columns=${[
    { name: 'Call', cell: (one) => html`<span class="mono">${one.id.slice(0, 12)}</span>` }, { name: 'State', cell: (one) => html`<${Badge} tone=${TONE[one.state]}>${one.state}<//>` },
    { name: 'Function', wide: true, cell: (one) => one.function || one.url }, { name: 'Attempts', narrow: true, cell: (one) => number(one.attempts) },
    { name: 'Created', cell: (one) => age(one.created) }, { name: 'Why', narrow: true, wide: true, cell: (one) => one.message || one.reason },
    ...(can('deploy') ? [{ name: '', cell: (one) => one.state === 'failed' && html`<button class="small" disabled=${busy} aria-label=${`Redrive ${one.id}`} onClick=${() => redrive([one.id])}>Redrive</button>` }] : [])]} />
    ${calls.next && html`<p><button onClick=${() => run(calls.more)}>Show older ones</button></p>`}`;
}

const lines = (headers) => (headers || []).map(({ name, value }) => `${name}: ${value}`).join('\n');

function Message({ title, id, of, first }) {
  return html`<${Panel} title=${title} id=${id}><p class="mono">${first}</p><details><summary>Headers (${(of.headers || []).length})</summary><pre tabindex="0">${lines(of.headers)}</pre></details>
    ${(of.body || of.bodyBase64) && html`<pre class="answer" tabindex="0">${of.body || `base64: ${of.bodyBase64}`}</pre>`}${of.truncated && html`<p class="muted">The rest was not kept.</p>`}<//>`;
}

function EditBody({ call, path, onDone }) {
  const [body, setBody] = useState(call.request.body || '');
  const { busy, error, run } = useBusy();
  return html`<details><summary>Change the body, then redrive</summary><${Field} label="Body"><textarea class="mono" rows="8" value=${body} onInput=${(e) => setBody(e.target.value)}></textarea><//>
    <${Failure} error=${error} /><button disabled=${busy} onClick=${() => run(async () => { await json('PATCH', path, { body: { body }, type: 'application/merge-patch+json' }); await json('POST', `${path}/redrive`); onDone(); })}>Save and redrive</button></details>`;
}

export function CallView({ ns, id }) {
  useTitle(`Call ${id.slice(0, 12)}`);
  const path = objectPath('calls', ns, id);
  const { data: call, error, reload } = useGet(path, 3000);
  const work = useBusy();
  const crumbs = html`<a href="#/calls">Calls</a> / ${ns}`;
  if (!call) return html`<${Head} title=${id.slice(0, 12)} crumbs=${crumbs} />${error ? html`<${Failure} error=${error} onRetry=${reload} />` : html`<${Loading} />`}`;
  const ended = Boolean(call.ended);
  return html`<${Head} title=${id.slice(0, 12)} crumbs=${crumbs}>${can('deploy') && html`
      ${call.state === 'failed' && html`<button class="primary" disabled=${work.busy} onClick=${() => work.run(async () => { await json('POST', `${path}/redrive`); reload(); })}>Redrive</button>`}
      <button class="danger" disabled=${work.busy} onClick=${() => work.run(async () => { await json('DELETE', path); if (ended) location.hash = '/calls'; else reload(); })}>${ended ? 'Remove' : 'Cancel'}</button>`}<//>
    <${Failure} error=${work.error} />
    <${Panel} title="State" id="state" aside=${html`<${Badge} tone=${TONE[call.state]}>${call.state}<//>`}><${Facts} rows=${[
    ['Function', call.function && html`<a href=${`#/functions/${ns}/${call.function}`}>${call.function}</a>`], ['URL', call.url], ['Origin', call.origin], ['Created', local(call.created)], ['Due', local(call.due)], ['Ended', local(call.ended)],
    ['Attempts', call.attempts], ['Idempotency key', call.idempotencyKey], ['Why', call.message || call.reason]]} /><//>
    <${Panel} title="Attempts" id="attempts"><ol class="plain">${(call.history || []).map((one) => html`<li><${Badge} tone=${one.error ? 'bad' : one.ended ? 'good' : 'warn'}>${one.status || (one.ended ? 'failed' : 'running')}<//> ${local(one.started)}
      ${one.ended && html`<span class="muted">took ${span(Date.parse(one.ended) - Date.parse(one.started))}</span>`} ${one.component && html`<${Badge}>${one.component}<//>`} <span class="pre">${one.error}</span></li>`)}</ol><//>
    <div class="grid"><${Message} title="Request" id="request" of=${call.request} first=${`${call.request.method} ${call.request.target}`} />
      ${call.result && html`<${Message} title="Result" id="result" of=${call.result} first=${call.result.status} />`}</div>
    ${can('deploy') && call.state === 'failed' && !call.request.bodyBase64 && html`<${EditBody} key=${call.id} call=${call} path=${path} onDone=${reload} />`}`;
}
