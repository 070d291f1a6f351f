import { useMemo } from 'preact/hooks';
import { html, Badge, Empty, Failure, Field, Head, Ready, Table } from '../ui.js';
import { useGet, useTitle } from '../hooks.js';
import { keyOf, reload, useKind } from '../store.js';
import { age, number, ready } from '../format.js';
import { can } from '../session.js';

/// The objects of a namespace ('' is all) whose name holds each word.
export function chosen(items, ns, words) {
  const wanted = words.toLowerCase().split(/\s+/).filter(Boolean);
  return items.filter((one) => (!ns || one.metadata.namespace === ns) && wanted.every((word) => {
    const labels = Object.entries(one.metadata.labels || {}).map(([k, v]) => `${k}=${v}`).join(' ');
    return `${keyOf(one)} ${labels} ${(one.spec && one.spec.environment && one.spec.environment.name) || ''}`.toLowerCase().includes(word);
  }));
}

/// Search and count above a list; what is searched for stands in the address.
export function Search({ query, onQuery, shown, all, loading, label }) {
  return html`<div class="bar"><${Field} label=${label} grow><input type="search" value=${query} placeholder="name, label, environment"
    onInput=${(e) => onQuery(e.target.value)} /><//><p class="muted count" role="status">${number(shown)} of ${number(all)}${loading ? ' so far' : ''}</p></div>`;
}

export function Functions({ ns, query, params, setParams }) {
  useTitle('Functions');
  const table = useKind('functions');
  const instances = useGet('/api/v1/instances', 3000);
  const bad = params.get('state') === 'bad';
  const items = useMemo(() => chosen(table.items, ns, query).filter((one) => !bad || (ready(one) && !ready(one).ok)), [table.items, ns, query, bad]);
  const counts = useMemo(() => {
    const found = new Map();
    for (const one of instances.data ? instances.data.items : []) {
      if (!one.function) continue;
      const key = `${one.namespace}/${one.function}`, before = found.get(key) || { n: 0, flying: 0 };
      found.set(key, { n: before.n + 1, flying: before.flying + one.inFlight });
    }
    return found;
  }, [instances.data]);
  const running = (one) => counts.get(keyOf(one));
  const none = table.items.length === 0 ? html`<${Empty} title="No functions yet">
    ${can('deploy') ? html`<p><a class="button primary" href="#/new/Function">Write the first one</a></p>` : html`<p>A token with the role deploy can write one.</p>`}<//>`
    : html`<${Empty} title="Nothing is called that"><button onClick=${() => setParams({})}>Show all</button><//>`;
  return html`<${Head} title="Functions">${can('deploy') && html`<a class="button primary" href="#/new/Function">New function</a>`}<//>
    <${Failure} error=${table.error} onRetry=${() => reload('functions')} />
    <${Search} label="Search functions" query=${query} onQuery=${(q) => setParams({ q, ...(bad ? { state: 'bad' } : {}) })} shown=${items.length} all=${table.items.length} loading=${table.loading} />
    ${bad && html`<p><${Badge} tone="bad">only what is not ready<//> <a href="#/functions">show all</a></p>`}
    <${Table} label="Functions" items=${items} keyOf=${keyOf} loading=${table.loading} empty=${none} href=${(one) => `#/functions/${keyOf(one)}`} columns=${[
    { name: 'Name', wide: true, cell: (one) => html`${!ns && html`<span class="muted">${one.metadata.namespace}/</span>`}${one.metadata.name}` },
    { name: 'State', cell: (one) => html`<${Ready} object=${one} />` },
    { name: 'Environment', narrow: true, cell: (one) => (one.spec && one.spec.environment && one.spec.environment.name) || (one.spec && 'container') },
    { name: 'Instances', cell: (one) => { const now = running(one); return now ? `${now.n}${now.flying ? ` (${now.flying} in flight)` : ''}` : html`<span class="muted">0</span>`; } },
    { name: 'Created', narrow: true, cell: (one) => html`<span title=${one.metadata.creationTimestamp}>${age(one.metadata.creationTimestamp)}</span>` }]} />`;
}
