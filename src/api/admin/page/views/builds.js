import { useEffect, useRef, useState } from 'preact/hooks';
import { html, Badge, Empty, Facts, Failure, Head, Panel, Table } from '../ui.js';
import { useBusy, useGet, useStreamOf, useTitle } from '../hooks.js';
import { json, objectPath, pieces } from '../api.js';
import { keyOf, useKind } from '../store.js';
import { local } from '../format.js';
import { can } from '../session.js';

export const TONE = { succeeded: 'good', failed: 'bad', running: 'warn', pending: 'warn' };

/// The newest build of a package with its log as it grows.
export function BuildLog({ ns, name, turn }) {
  const path = `${objectPath('packages', ns, name)}/build`;
  const [again, setAgain] = useState(0);
  const { data, error, reload } = useGet(path);
  const [log, setLog] = useState('');
  const box = useRef(null);
  const work = useBusy();
  const failed = useStreamOf(async (signal) => {
    setLog('');
    let all = '', due = 0;
    await pieces(`${path}/log?follow=true`, signal, (piece) => {
      all = (all + piece).slice(-512 * 1024);
      if (!due) due = setTimeout(() => { due = 0; if (!signal.aborted) setLog(all); }, 80);
    });
    reload();
  }, [path, turn, again]);
  useEffect(() => { reload(); }, [turn, again]);
  useEffect(() => { if (box.current) box.current.scrollTop = box.current.scrollHeight; }, [log]);
  if (error) return error.status === 404 ? null : html`<${Failure} error=${error} onRetry=${reload} />`;
  const state = data && data.buildstatus, runs = state === 'running' || state === 'pending';
  const act = (method) => work.run(async () => { await json(method, path); reload(); setAgain((n) => n + 1); });
  return html`<${Panel} title="Build" id="build" aside=${data && html`<${Badge} tone=${TONE[state]}>${state}<//>`}>
    ${data && html`<${Facts} rows=${[['Started', local(data.startedAt)], ['Finished', local(data.finishedAt)], ['Why', data.error || data.reason]]} />`}
    <${Failure} error=${work.error || (failed && failed.status !== 404 ? failed : null)} />
    ${log && html`<pre class="log box" ref=${box} tabindex="0" role="log" aria-label="Log of the build">${log}</pre>`}
    ${can('deploy') && html`<div class="actions">${runs ? html`<button class="danger" disabled=${work.busy} onClick=${() => act('DELETE')}>Cancel the build</button>` : html`<button disabled=${work.busy} onClick=${() => act('POST')}>Build again</button>`}</div>`}<//>`;
}

export function Builds({ ns }) {
  useTitle('Builds');
  const queue = useGet('/api/v1/builds', 2000), packages = useKind('packages');
  const waiting = queue.data ? queue.data.items : [];
  const ended = packages.items.filter((one) => one.spec && one.spec.source && (!ns || one.metadata.namespace === ns))
    .sort((a, b) => String((b.status || {}).finishedAt || '').localeCompare(String((a.status || {}).finishedAt || '')));
  const href = (one) => `#/r/packages/${one.namespace ? `${one.namespace}/${one.package}` : keyOf(one)}`;
  return html`<${Head} title="Builds" /><${Failure} error=${queue.error} />
    <${Panel} title="Running and waiting" id="queue"><${Table} label="Running and waiting builds" items=${waiting} keyOf=${(one) => `${one.namespace}/${one.package}`} href=${href}
      empty=${html`<p class="muted">No build runs or waits.</p>`} columns=${[{ name: 'Package', wide: true, cell: (one) => `${one.namespace}/${one.package}` }, { name: 'Environment', narrow: true, cell: (one) => one.environment },
    { name: 'State', cell: (one) => html`<${Badge} tone=${TONE[one.buildstatus]}>${one.buildstatus}<//>` }, { name: 'Why', narrow: true, wide: true, cell: (one) => one.reason }]} /><//>
    <${Panel} title="Newest build of each package" id="ended"><${Table} label="Builds by package" items=${ended} keyOf=${keyOf} href=${href} loading=${packages.loading}
      empty=${html`<${Empty} title="No package is built from source">Code with dependencies is: <code>hearth deploy FOLDER</code> sends it as source.<//>`}
      columns=${[{ name: 'Package', wide: true, cell: keyOf }, { name: 'State', cell: (one) => html`<${Badge} tone=${TONE[(one.status || {}).buildstatus]}>${(one.status || {}).buildstatus}<//>` },
    { name: 'Finished', narrow: true, cell: (one) => local((one.status || {}).finishedAt) }]} /><//>`;
}
