// The kinds whose lists are plain tables.
import { useEffect, useMemo, useState } from 'preact/hooks';
import { html, Badge, Empty, Failure, Field, Head, Panel, Ready, Table } from '../ui.js';
import { useBusy, useGet, useTitle } from '../hooks.js';
import { get } from '../api.js';
import { keyOf, reload, useKind } from '../store.js';
import { age, bytes, local, number } from '../format.js';
import { can } from '../session.js';
import { chosen, Search } from './functions.js';
import { instanceColumns } from './function.js';
import { TONE } from './builds.js';

const nameColumn = (ns) => ({ name: 'Name', wide: true, cell: (one) => html`${!ns && html`<span class="muted">${one.metadata.namespace}/</span>`}${one.metadata.name}` });
const stateColumn = { name: 'State', cell: (one) => html`<${Ready} object=${one} />` };
const target = (one) => one.spec && one.spec.functionref && one.spec.functionref.name;
const callsColumn = { name: 'Calls', cell: (one) => html`<a href=${`#/functions/${one.metadata.namespace}/${target(one)}`}>${target(one)}</a>` };
export const createdColumn = { name: 'Created', narrow: true, cell: (one) => html`<span title=${one.metadata.creationTimestamp}>${age(one.metadata.creationTimestamp)}</span>` };
const status = (one) => one.status || {};

/// A list of one kind with its search.
export function KindList({ plural, kind, title, ns, query, setParams, columns, none, role = 'deploy', every = 0, head }) {
  const table = useKind(plural);
  const items = useMemo(() => chosen(table.items, ns, query), [table.items, ns, query]);
  useEffect(() => {
    if (!every || table.items.length > 1000) return undefined;
    const timer = setInterval(() => { if (document.visibilityState === 'visible') reload(plural); }, every);
    return () => clearInterval(timer);
  }, [every, table.items.length > 1000]);
  const empty = table.items.length === 0 ? html`<${Empty} title=${`No ${title.toLowerCase()} yet`}>${none}<//>`
    : html`<${Empty} title="Nothing is called that"><button onClick=${() => setParams({})}>Show all</button><//>`;
  return html`<${head || Head} title=${title}>${can(role) && kind && html`<a class="button primary" href=${`#/new/${kind}`}>New ${kind}</a>`}<//>
    <${Failure} error=${table.error} onRetry=${() => reload(plural)} />
    ${table.items.length > 0 && html`<${Search} label=${`Search ${title.toLowerCase()}`} query=${query} onQuery=${(q) => setParams({ q })} shown=${items.length} all=${table.items.length} loading=${table.loading && !table.loaded} />`}
    <${Table} label=${title} items=${items} keyOf=${keyOf} href=${(one) => `#/r/${plural}/${keyOf(one)}`} columns=${columns} loading=${table.loading && !table.loaded} empty=${empty} />`;
}

const Section = ({ title, children }) => html`<div class="head"><h2>${title}</h2><div class="actions">${children}</div></div>`;

export function Environments({ ns, query, setParams }) {
  useTitle('Environments');
  const instances = useGet('/api/v1/instances', 2000), pools = useGet('/api/v1/pools', 2000), offers = useGet('/api/v1/environments-available');
  const poolOf = (one) => pools.data && pools.data.items.find((p) => p.namespace === one.metadata.namespace && p.environment === one.metadata.name);
  const seen = (instances.data ? instances.data.items : []).filter((one) => !ns || one.namespace === ns);
  return html`<${KindList} plural="environments" kind="Environment" title="Environments" ns=${ns} query=${query} setParams=${setParams}
      none="hearth deploy makes the one a function needs." columns=${[nameColumn(ns), stateColumn,
    { name: 'Warm', cell: (one) => { const pool = poolOf(one); return pool ? `${pool.warm} of ${pool.target}${pool.starting ? `, ${pool.starting} starting` : ''}` : '–'; } },
    { name: 'Starts /s', narrow: true, cell: (one) => { const pool = poolOf(one); return pool ? pool.startsPerSecond.toFixed(1) : ''; } },
    { name: 'Image', narrow: true, wide: true, cell: (one) => one.spec && one.spec.runtime && html`<span class="mono">${one.spec.runtime.image}</span>` },
    { name: 'Last error', narrow: true, wide: true, cell: (one) => { const pool = poolOf(one); return pool && html`<span class="bad-text">${pool.lastError}</span>`; } }]} />
    <${Panel} title=${`Instances (${number(seen.length)})`} id="instances"><${Failure} error=${instances.error} />
      <${Table} label="Instances" items=${seen} keyOf=${(one) => one.name} empty=${html`<p class="muted">None runs.</p>`}
        columns=${[instanceColumns[0], { name: 'Function', cell: (one) => (one.function ? html`<a href=${`#/functions/${one.namespace}/${one.function}`}>${one.function}</a>` : html`<span class="muted">generic</span>`) }, ...instanceColumns.slice(1)]} /><//>
    <${Panel} title="Languages on offer" id="offers"><${Failure} error=${offers.error} />${offers.data && html`<${Table} label="Languages" items=${offers.data.items} keyOf=${(one) => one.name} empty=${html`<p class="muted">None.</p>`}
      columns=${[{ name: 'Language', cell: (one) => one.name }, { name: 'State', cell: (one) => html`<${Badge} tone=${one.state === 'ok' ? 'good' : 'warn'}>${one.state}<//>` },
    { name: 'Image', narrow: true, cell: (one) => html`<span class="mono">${one.image}</span>` }, { name: 'Found', narrow: true, wide: true, cell: (one) => one.detail }]} />`}<//>`;
}

function WhichRoute() {
  const [url, setUrl] = useState(''), [method, setMethod] = useState('GET'), [found, setFound] = useState(null);
  const { busy, error, run } = useBusy();
  const ask = (e) => {
    e.preventDefault();
    run(async () => {
      setFound(null);
      const parsed = new URL(url.includes('://') ? url : `http://any${url.startsWith('/') ? '' : '/'}${url}`);
      const query = new URLSearchParams({ method, path: parsed.pathname });
      if (url.includes('://')) query.set('host', parsed.hostname);
      try { setFound(await get(`/api/v1/routes/match?${query}`)); } catch (e2) { if (e2.status !== 404) throw e2; setFound({ none: e2.message }); }
    });
  };
  return html`<${Panel} title="Which route takes this URL?" id="which"><form class="bar" onSubmit=${ask}>
    <${Field} label="Method"><select value=${method} onChange=${(e) => setMethod(e.target.value)}>${['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'HEAD'].map((one) => html`<option>${one}</option>`)}</select><//>
    <${Field} label="URL or path" grow><input class="mono" value=${url} required placeholder="/items/7/price" onInput=${(e) => setUrl(e.target.value)} /><//>
    <button disabled=${busy || !url}>Ask</button></form><div role="status"><${Failure} error=${error} />
    ${found && (found.none ? html`<p><${Badge} tone="warn">none<//> ${found.none}</p>` : html`<p><${Badge} tone="good">found<//> <a href=${`#/r/httptriggers/${found.trigger}`}>${found.trigger}</a></p>`)}</div><//>`;
}

export function Routes({ ns, query, setParams }) {
  useTitle('Routes');
  return html`<${KindList} plural="httptriggers" kind="HTTPTrigger" title="Routes" ns=${ns} query=${query} setParams=${setParams}
    none="A route gives a function its URL. What it would conflict with is said when it is checked." columns=${[nameColumn(ns),
    { name: 'Path', wide: true, cell: (one) => html`<span class="mono">${(one.spec && (one.spec.prefix ? `${one.spec.prefix}…` : one.spec.relativeurl)) || ''}</span>` },
    { name: 'Methods', narrow: true, cell: (one) => ((one.spec && one.spec.methods) || ['GET']).join(' ') },
    { name: 'Host', narrow: true, cell: (one) => (one.spec && one.spec.host) || html`<span class="muted">any</span>` }, callsColumn, stateColumn]} /><${WhichRoute} />`;
}

export function Timers({ ns, query, setParams }) {
  useTitle('Timers');
  return html`<${KindList} plural="timetriggers" kind="TimeTrigger" title="Timers" ns=${ns} query=${query} setParams=${setParams} every=${5000}
    none="A timer calls a function by the clock." columns=${[nameColumn(ns), { name: 'Schedule', cell: (one) => html`<span class="mono">${one.spec && one.spec.cron}</span> <span class="muted">${one.spec && one.spec.timeZone}</span>` }, callsColumn,
    { name: 'Next', cell: (one) => (one.spec && one.spec.suspend ? html`<${Badge} tone="warn">suspended<//>` : html`<span title=${(status(one).upcoming || []).map(local).join('\n')}>${age(status(one).nextFire)} <span class="muted narrow">${local(status(one).nextFire)}</span></span>`) },
    { name: 'Last', narrow: true, cell: (one) => status(one).lastResult && html`<${Badge} tone=${status(one).lastResult === 'Succeeded' ? 'good' : 'bad'} title=${status(one).lastError}>${status(one).lastResult}<//> ${age(status(one).lastFire)}` },
    { name: 'Made', narrow: true, cell: (one) => number(status(one).fired) }, { name: 'Failed', narrow: true, cell: (one) => number(status(one).failed) }]} />`;
}

export function Queues({ ns, query, setParams }) {
  useTitle('Queues and watches');
  const numberOf = (name, key) => ({ name, narrow: true, cell: (one) => { const value = status(one)[key]; return typeof value === 'number' ? number(value) : ''; } });
  const error = { name: 'Last error', narrow: true, wide: true, cell: (one) => html`<span class="bad-text">${status(one).lastError}</span>` };
  return html`<${Head} title="Queues and watches" />
    <${KindList} plural="messagequeuetriggers" kind="MessageQueueTrigger" title="Queue triggers" ns=${ns} query=${query} setParams=${setParams} every=${4000} head=${Section}
      none="One calls a function for each message of Kafka or NATS." columns=${[nameColumn(ns), stateColumn, { name: 'Queue', cell: (one) => `${one.spec && one.spec.messageQueueType} ${one.spec && one.spec.topic}` }, callsColumn,
    numberOf('Lag', 'lag'), numberOf('In flight', 'inFlight'), error]} />
    <${KindList} plural="kuberneteswatchtriggers" kind="KubernetesWatchTrigger" title="Watch triggers" ns=${ns} query=${query} setParams=${setParams} every=${4000} head=${Section}
      none="One calls a function for each change of objects in a Kubernetes cluster." columns=${[nameColumn(ns), stateColumn, { name: 'Watches', cell: (one) => one.spec && one.spec.type }, callsColumn,
    numberOf('Delivered', 'delivered'), numberOf('Given up', 'givenUp'), error]} />`;
}

export function Packages({ ns, query, setParams }) {
  useTitle('Packages');
  return html`<${KindList} plural="packages" kind="Package" title="Packages" ns=${ns} query=${query} setParams=${setParams} none="hearth deploy makes one for each function."
    columns=${[nameColumn(ns), stateColumn, { name: 'Environment', narrow: true, cell: (one) => one.spec && one.spec.environment && one.spec.environment.name },
    { name: 'Size', cell: (one) => status(one).archive && bytes(status(one).archive.bytes) }, { name: 'Build', cell: (one) => status(one).buildstatus && status(one).buildstatus !== 'none' && html`<${Badge} tone=${TONE[status(one).buildstatus]}>${status(one).buildstatus}<//>` },
    { name: 'SHA-256', narrow: true, cell: (one) => html`<span class="mono">${(status(one).archive ? status(one).archive.digest : '').slice(0, 12)}</span>` }, createdColumn]} />`;
}
