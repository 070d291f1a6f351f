import { useEffect, useMemo, useState } from 'preact/hooks';
import { html, Badge, Copy, Empty, Facts, Failure, Field, Head, Loading, Panel, Ready, Table, Tabs } from '../ui.js';
import { useBusy, useGet, useTitle } from '../hooks.js';
import { objectPath } from '../api.js';
import { keyOf, useKind } from '../store.js';
import { Code, languageOf } from '../code.js';
import { apply, written } from '../objects.js';
import { age, bytes, local, number, span } from '../format.js';
import { can } from '../session.js';
import { Conditions, Delete, YamlEditor } from './object.js';
import { TestCall } from './call.js';
import { Logs } from './logs.js';
import { BuildLog } from './builds.js';

export const instanceColumns = [
  { name: 'Name', cell: (one) => one.name },
  { name: 'State', cell: (one) => html`<${Badge} tone=${one.state === 'ready' || one.state === 'warm' ? 'good' : 'warn'}>${one.state}<//>` },
  { name: 'In flight', cell: (one) => number(one.inFlight) }, { name: 'Served', cell: (one) => number(one.served) },
  { name: 'Memory', cell: (one) => bytes(one.rssBytes) }, { name: 'Age', narrow: true, cell: (one) => span(one.ageMs) },
  { name: 'Idle', narrow: true, cell: (one) => span(one.idleMs) }, { name: 'Isolation', narrow: true, wrap: true, cell: (one) => html`<span class="small">${one.isolation}</span>` },
];

function About({ about }) {
  const { function: fn } = about, spec = fn.spec;
  return html`<div class="grid">
    <${Panel} title="State" id="state" aside=${html`<${Ready} object=${fn} />`}><${Facts} rows=${[
    ['Environment', spec.environment && html`<a href=${`#/r/environments/${fn.metadata.namespace}/${spec.environment.name}`}>${spec.environment.name}</a>`],
    ['Package', spec.package && html`<a href=${`#/r/packages/${fn.metadata.namespace}/${spec.package.packageref.name}`}>${spec.package.packageref.name}</a>`],
    ['Entry point', spec.package && spec.package.functionName],
    ['Time limit', spec.functionTimeout && `${spec.functionTimeout} s`], ['Requests per instance', spec.requestsPerPod], ['Instances at most', spec.concurrency],
    ['Memory limit', spec.resources && spec.resources.limits && spec.resources.limits.memory], ['CPU limit', spec.resources && spec.resources.limits && spec.resources.limits.cpu],
    ['Generation', fn.metadata.generation], ['Created', `${local(fn.metadata.creationTimestamp)} (${age(fn.metadata.creationTimestamp)})`],
    ['Code', about.package && about.package.status && about.package.status.archive && html`<code>${about.package.status.archive.digest.slice(0, 12)}</code> ${bytes(about.package.status.archive.bytes)}`]]} />
      <${Conditions} object=${fn} /><//>
    <${Panel} title="What calls it" id="callers">${about.routes.length + about.triggers.length === 0 ? html`<p class="muted">Nothing yet but calls through the API.
      ${can('deploy') && html` <a href="#/new/HTTPTrigger">Give it a route</a>.`}</p>` : html`<ul class="plain">
      ${about.routes.map((one) => html`<li><${Badge}>route<//> <a href=${`#/r/httptriggers/${keyOf(one)}`}>${one.metadata.name}</a> ${one.status && one.status.url && html`<a class="mono" href=${one.status.url} target="_blank" rel="noreferrer noopener">${one.status.url}</a> <${Copy} text=${one.status.url} />`}</li>`)}
      ${about.triggers.map((one) => html`<li><${Badge}>${one.kind}<//> <a href=${`#/r/${{ TimeTrigger: 'timetriggers', MessageQueueTrigger: 'messagequeuetriggers', KubernetesWatchTrigger: 'kuberneteswatchtriggers' }[one.kind]}/${keyOf(one)}`}>${one.metadata.name}</a></li>`)}</ul>`}<//>
    </div>
    <${Panel} title="Instances" id="instances"><${Table} label="Instances" items=${about.instances} keyOf=${(one) => one.name} columns=${instanceColumns}
      empty=${html`<p class="muted">None has its code now. ${about.pool ? `${about.pool.warm} warm ones of its environment wait.` : ''}</p>`} /><//>
    ${about.recentErrors.length > 0 && html`<${Panel} title="Recent errors" id="errors"><ul class="plain log">${about.recentErrors.map((one) => html`<li><time>${local(one.time)}</time> <span class="pre">${one.message}</span></li>`)}</ul><//>`}`;
}

/// Places of a refused deployment: lines of the code, as the trace names them, not of the text that was sent.
function inCode(error) {
  error.errors = (error.errors || []).map((fault) => {
    const lines = [...(fault.message || '').matchAll(/(?:line |\.\w+:)(\d+)/g)];
    return { message: fault.message, line: lines.length ? Number(lines[lines.length - 1][1]) : 0 };
  });
  return error;
}

/// The text files of its package, edited and deployed: loaded once before anything changes.
function CodeTab({ about, onDeployed }) {
  const fn = about.function, pkg = about.package;
  const built = pkg && pkg.spec && pkg.spec.source;
  const path = pkg ? `${objectPath('packages', pkg.metadata.namespace, pkg.metadata.name)}/files${built ? '?archive=source' : ''}` : null;
  const { data, error, reload } = useGet(path);
  const [edits, setEdits] = useState({});
  const [file, setFile] = useState('');
  const [place, setPlace] = useState(null);
  const [done, setDone] = useState('');
  const functions = useKind('functions').items;
  const work = useBusy();
  const others = useMemo(() => (pkg ? functions.filter((one) => one.metadata.namespace === fn.metadata.namespace && one.metadata.name !== fn.metadata.name && one.spec && one.spec.package
    && one.spec.package.packageref && one.spec.package.packageref.name === pkg.metadata.name) : []), [functions, pkg]);
  if (!pkg) return html`<${Empty} title="It has no package here">Its code lies in an image, or the package is missing.<//>`;
  if (error) return html`<${Failure} error=${error} onRetry=${reload} />`;
  if (!data) return html`<${Loading} />`;
  const files = { ...data.files, ...edits }, names = Object.keys(files).sort(), current = files[file] !== undefined ? file : names[0];
  if (names.length === 0) return html`<${Empty} title="No text to show">The package holds none but other files.<//>`;
  const editable = can('deploy') && !data.truncated && pkg.metadata.name;
  const changed = Object.keys(edits).filter((name) => edits[name] !== data.files[name]);
  const deploy = () => work.run(async () => {
    setDone('');
    const next = written(pkg);
    next.metadata = { ...next.metadata, resourceVersion: pkg.metadata.resourceVersion };
    next.spec = { ...next.spec };
    delete next.spec.size;
    if (built) { next.spec.source = { type: 'files', files }; delete next.spec.deployment; } else next.spec.deployment = { type: 'files', files };
    try { await apply([next, written(fn)], { ns: fn.metadata.namespace }); } catch (e) { throw inCode(e); }
    setDone(built ? 'Stored; the build goes on below.' : 'Deployed.');
    setEdits({});
    reload();
    onDeployed();
  });
  return html`${others.length > 0 && html`<p class="notice">The package serves ${others.length} other function${others.length > 1 ? 's' : ''} as well (${others.slice(0, 5).map((one) => one.metadata.name).join(', ')}): they change with it.</p>`}
    ${data.truncated && html`<p class="notice">The package is too large to be edited here; what is shown is a part.</p>`}
    ${built && html`<p class="muted">Source; deploying it starts a build.</p>`}
    ${names.length > 1 && html`<div class="bar"><${Field} label="File"><select value=${current} onChange=${(e) => setFile(e.target.value)}>${names.map((name) => html`<option value=${name}>${name}${changed.includes(name) ? ' (edited)' : ''}</option>`)}</select><//></div>`}
    <${Code} id=${`${data.digest} ${current}`} value=${files[current]} language=${languageOf(current)} readOnly=${!editable} label=${`Code of ${current}`} place=${place}
      onEdit=${(text) => { setEdits((before) => ({ ...before, [current]: text })); work.setError(null); setDone(''); }} />
    <${Failure} error=${work.error} onPlace=${(fault) => setPlace({ ...fault })} />
    ${editable && html`<div class="actions"><button class="primary" disabled=${work.busy || changed.length === 0} onClick=${deploy}>${work.busy ? 'Loading it once …' : 'Deploy'}</button>
      <span class="muted" role="status">${done || (changed.length ? `${changed.length} file${changed.length > 1 ? 's' : ''} edited; the old code serves until the new one loads` : '')}</span></div>`}
    ${built && html`<${BuildLog} ns=${pkg.metadata.namespace} name=${pkg.metadata.name} turn=${pkg.metadata.resourceVersion} />`}`;
}

export function FunctionView({ objectKey, tab }) {
  const [ns, name] = objectKey.split('/');
  useTitle(name);
  const inStore = useKind('functions').byKey.get(objectKey);
  const { data, error, reload } = useGet(`${objectPath('functions', ns, name)}/describe`, tab === 'about' ? 3000 : 0);
  const seen = data && data.function.metadata.resourceVersion, now = inStore && inStore.metadata.resourceVersion;
  useEffect(() => { if (seen && now && seen !== now) reload(); }, [seen, now]);
  const crumbs = html`<a href="#/functions">Functions</a> / ${ns}`;
  if (error && !data) return html`<${Head} title=${name} crumbs=${crumbs} /><${Failure} error=${error} onRetry=${reload} />`;
  if (!data) return html`<${Head} title=${name} crumbs=${crumbs} /><${Loading} />`;
  return html`<${Head} title=${name} crumbs=${crumbs}>${can('deploy') && html`<${Delete} plural="functions" objectKey=${objectKey} />`}<//>
    <${Tabs} current=${tab} href=${(id) => `#/functions/${objectKey}${id === 'about' ? '' : `/${id}`}`}
      tabs=${[['about', 'Overview'], ['code', 'Code'], ...(can('call') ? [['test', 'Test']] : []), ['logs', 'Logs'], ['settings', 'Settings']]} />
    ${tab === 'about' && html`<${About} about=${data} />`}
    ${tab === 'code' && html`<${CodeTab} about=${data} onDeployed=${reload} />`}
    ${tab === 'test' && html`<${TestCall} ns=${ns} name=${name} />`}
    ${tab === 'logs' && html`<${Logs} ns=${ns} name=${name} />`}
    ${tab === 'settings' && html`<${YamlEditor} object=${data.function} onSaved=${reload} />`}`;
}
