import { useEffect, useState } from 'preact/hooks';
import { html, Badge, Dialog, Facts, Failure, Field, go, Head, Loading, Panel, Ready } from '../ui.js';
import { useBusy, useGet, useTitle } from '../hooks.js';
import { objectPath } from '../api.js';
import { KINDS, useKind } from '../store.js';
import { Code } from '../code.js';
import { apply, remove, replace, yamlOf } from '../objects.js';
import { age, local } from '../format.js';
import { can, session } from '../session.js';
import { hrefOf } from './changes.js';
import { TEMPLATES } from '../templates.js';

export const LISTS = {
  functions: '#/functions', packages: '#/packages', environments: '#/environments', httptriggers: '#/routes', timetriggers: '#/timers',
  messagequeuetriggers: '#/queues', kuberneteswatchtriggers: '#/queues', secrets: '#/settings', configmaps: '#/settings', apitokens: '#/tokens',
};

/// Asks, after a dry run has said what goes along.
export function Delete({ plural, objectKey }) {
  const [open, setOpen] = useState(false);
  const [plan, setPlan] = useState(null);
  const { busy, error, run, setError } = useBusy();
  const ask = () => { setPlan(null); setOpen(true); run(async () => setPlan(await remove(plural, objectKey, true))); };
  const close = () => { setOpen(false); setError(null); };
  const done = () => run(async () => { await remove(plural, objectKey, false); close(); go(LISTS[plural].slice(1)); });
  return html`<button class="danger" onClick=${ask}>Delete</button>
    ${open && html`<${Dialog} title=${`Delete ${KINDS[plural]} ${objectKey}?`} onClose=${close}>
      <${Failure} error=${error} />
      ${!plan && !error && html`<${Loading} what="Asking what goes with it" />`}
      ${plan && html`<p>This goes:</p><ul class="faults">${plan.deleted.map((one) => html`<li>${one.kind} <code>${one.namespace}/${one.name}</code>${one.reason && html` <span class="muted">${one.reason}</span>`}</li>`)}</ul>`}
      <div class="actions end"><button onClick=${close}>Keep it</button>${plan && html`<button class="danger" disabled=${busy} onClick=${done}>Delete</button>`}</div><//>`}`;
}

/// YAML of an object, checked and saved; faults lead to their lines.
export function YamlEditor({ object, onSaved }) {
  const [base, setBase] = useState(object);
  const [text, setText] = useState(() => yamlOf(object));
  const [place, setPlace] = useState(null);
  const [note, setNote] = useState('');
  const { busy, error, run, setError } = useBusy();
  const original = yamlOf(base), changed = text !== original;
  const newer = object.metadata.resourceVersion !== base.metadata.resourceVersion;
  useEffect(() => { if (newer && !changed) { setBase(object); setText(yamlOf(object)); } }, [object.metadata.resourceVersion]);
  const write = (dryRun) => run(async () => {
    setNote('');
    const saved = await replace(base, text, dryRun);
    setNote(dryRun ? 'No fault was found; nothing is written yet.' : 'Saved.');
    if (!dryRun) { setBase(saved); setText(yamlOf(saved)); onSaved(); }
  });
  const editable = can(object.kind === 'ApiToken' ? 'admin' : 'deploy') && object.kind !== 'ApiToken';
  return html`<${Code} id=${`${base.metadata.uid} ${base.metadata.resourceVersion}`} value=${original} language="yaml" label=${`YAML of ${object.kind} ${object.metadata.name}`}
      readOnly=${!editable} place=${place} onEdit=${(next) => { setText(next); setError(null); setNote(''); }} />
    ${newer && changed && html`<p class="notice" role="status">It has changed meanwhile (revision ${object.metadata.resourceVersion}). Saving will be refused;
      <button class="link" onClick=${() => { setBase(object); setText(yamlOf(object)); }}>drop your edits and take the new one</button>.</p>`}
    <${Failure} error=${error} onPlace=${(fault) => setPlace({ ...fault })} />
    ${editable && html`<div class="actions"><button onClick=${() => write(true)} disabled=${busy || !changed}>Check</button>
      <button class="primary" onClick=${() => write(false)} disabled=${busy || !changed}>${busy ? 'Working …' : 'Save'}</button><span role="status" class="muted">${note}</span></div>`}`;
}

export function Conditions({ object }) {
  const conditions = (object.status && object.status.conditions) || [];
  if (conditions.length === 0) return null;
  return html`<ul class="plain">${conditions.map((one) => html`<li><${Badge} tone=${one.status === 'True' ? 'good' : 'bad'}>${one.type}<//> ${one.reason}${one.message && html`: <span class="pre">${one.message}</span>`}</li>`)}</ul>`;
}

function statusRows(status) {
  return Object.entries(status || {}).filter(([name, value]) => !['conditions', 'observedGeneration', 'buildlog'].includes(name) && value !== null)
    .map(([name, value]) => [name, typeof value === 'object' ? html`<code class="pre">${JSON.stringify(value, null, 1).replace(/[{}"]/g, '').trim()}</code>` : String(value)]);
}

/// Any object that has no view of its own.
export function ObjectView({ plural, objectKey, extra }) {
  const [ns, name] = objectKey.split('/');
  useTitle(`${KINDS[plural]} ${name}`);
  const inStore = useKind(plural).byKey.get(objectKey);
  const { data, error, reload } = useGet(objectPath(plural, ns, name));
  useEffect(() => { if (data && inStore && inStore.metadata.resourceVersion !== data.metadata.resourceVersion) reload(); }, [inStore]);
  const object = data;
  const crumbs = html`<a href=${LISTS[plural]}>${KINDS[plural]}</a> / ${ns}`;
  if (error && !object) return html`<${Head} title=${name} crumbs=${crumbs} /><${Failure} error=${error} onRetry=${reload} />`;
  if (!object) return html`<${Head} title=${name} crumbs=${crumbs} /><${Loading} />`;
  const fn = object.spec && object.spec.functionref && object.spec.functionref.name;
  return html`<${Head} title=${name} crumbs=${crumbs}>${can(plural === 'apitokens' ? 'admin' : 'deploy') && html`<${Delete} plural=${plural} objectKey=${objectKey} />`}<//>
    <${Panel} title="State" id="state" aside=${html`<${Ready} object=${object} />`}>
      <${Facts} rows=${[['Created', html`<span title=${object.metadata.creationTimestamp}>${local(object.metadata.creationTimestamp)} (${age(object.metadata.creationTimestamp)})</span>`],
    ['Revision', object.metadata.resourceVersion], ['Calls', fn && html`<a href=${`#/functions/${ns}/${fn}`}>${fn}</a>`],
    ...statusRows(object.status)]} /><${Conditions} object=${object} /><//>
    ${extra && extra(object, reload)}
    ${plural !== 'secrets' && html`<${Panel} title="YAML" id="yaml"><${YamlEditor} object=${object} onSaved=${reload} /><//>`}`;
}

/// Writes new objects from YAML; any number of documents.
export function Create({ kind, ns }) {
  useTitle(`New ${kind}`);
  const template = (TEMPLATES[kind] || TEMPLATES.Function)(ns || session.who.namespace || 'default');
  const offers = useGet(kind === 'Function' || kind === 'Environment' ? '/api/v1/environments-available' : null);
  const [language, setLanguage] = useState('python');
  const start = kind === 'Function' ? template[language] : template;
  const [text, setText] = useState(start);
  const [place, setPlace] = useState(null);
  const [result, setResult] = useState(null);
  const { busy, error, run, setError } = useBusy();
  useEffect(() => { setText(start); setResult(null); }, [start]);
  const write = (dryRun) => run(async () => setResult({ ...(await apply(text, { ns, dryRun })), dryRun }));
  const offered = offers.data && offers.data.items.find((one) => one.name === language);
  return html`<${Head} title=${`New ${kind}`} crumbs=${html`<a href=${LISTS[Object.keys(KINDS).find((p) => KINDS[p] === kind)] || '#/functions'}>${kind}</a>`} />
    ${kind === 'Function' && html`<div class="bar"><${Field} label="Language"><select value=${language} onChange=${(e) => setLanguage(e.target.value)}>
      ${Object.keys(template).map((one) => html`<option value=${one}>${one}</option>`)}</select><//>
      ${offered && offered.state !== 'ok' && html`<p class="notice">${offered.detail}</p>`}</div>`}
    <p class="muted">Several documents are written together, all or none. Functions are loaded once before anything is written.</p>
    <${Code} id=${`new ${start}`} value=${start} language="yaml" label=${`YAML of the new ${kind}`} place=${place} onEdit=${(next) => { setText(next); setError(null); setResult(null); }} />
    <${Failure} error=${error} onPlace=${(fault) => setPlace({ ...fault })} />
    <div class="actions"><button disabled=${busy} onClick=${() => write(true)}>Check</button><button class="primary" disabled=${busy} onClick=${() => write(false)}>${busy ? 'Working …' : 'Create'}</button></div>
    ${result && html`<${Panel} title=${result.dryRun ? 'This would happen; nothing is written yet' : 'Done'} id="result"><ul class="plain">${(result.results || []).map((one) => html`<li>
      <${Badge} tone=${one.action === 'created' ? 'good' : ''}>${one.action}<//> ${one.kind} ${result.dryRun ? `${one.namespace}/${one.name}` : html`<a href=${hrefOf(Object.keys(KINDS).find((p) => KINDS[p] === one.kind), `${one.namespace}/${one.name}`)}>${one.namespace}/${one.name}</a>`}
      ${(one.warnings || []).map((warning) => html`<div class="muted">${warning}</div>`)}</li>`)}</ul>
      ${!result.dryRun && (result.urls || []).map((url) => html`<p><a href=${url} target="_blank" rel="noreferrer noopener">${url}</a></p>`)}<//>`}`;
}
