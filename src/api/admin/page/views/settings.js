import { useState } from 'preact/hooks';
import { html, Badge, Failure, Field, go, Head, Panel } from '../ui.js';
import { useBusy, useTitle } from '../hooks.js';
import { json, objectPath } from '../api.js';
import { KindList } from './lists.js';
import { can, session } from '../session.js';
import { age } from '../format.js';

const keys = (one) => Object.keys({ ...one.data, ...one.binaryData });
const columns = (ns) => [{ name: 'Name', cell: (one) => html`${!ns && html`<span class="muted">${one.metadata.namespace}/</span>`}${one.metadata.name}` },
  { name: 'Keys', wide: true, cell: (one) => keys(one).slice(0, 8).map((key) => html`<code>${key}</code> `) },
  { name: 'Created', narrow: true, cell: (one) => age(one.metadata.creationTimestamp) }];
const Section = ({ title, children }) => html`<div class="head"><h2>${title}</h2><div class="actions">${children}</div></div>`;

function NewSecret({ ns }) {
  const [name, setName] = useState(''), [key, setKey] = useState(''), [value, setValue] = useState('');
  const { busy, error, run } = useBusy();
  const home = ns || session.who.namespace || 'default';
  const make = (e) => {
    e.preventDefault();
    run(async () => {
      await json('POST', objectPath('secrets', home), { body: { apiVersion: 'hearth/v1', kind: 'Secret', metadata: { name, namespace: home }, stringData: { [key]: value } } });
      go(`/r/secrets/${home}/${name}`);
    });
  };
  return html`<details><summary>New secret in ${home}</summary><form onSubmit=${make}><div class="bar">
    <${Field} label="Name"><input required value=${name} onInput=${(e) => setName(e.target.value)} /><//>
    <${Field} label="Key"><input required value=${key} onInput=${(e) => setKey(e.target.value)} /><//>
    <${Field} label="Value" grow><input type="password" autocomplete="off" required value=${value} onInput=${(e) => setValue(e.target.value)} /><//>
    <button class="primary" disabled=${busy}>Create</button></div><${Failure} error=${error} /></form></details>`;
}

/// Keys of one secret: values are written, never shown.
export function SecretKeys({ object, reload }) {
  const [key, setKey] = useState(''), [value, setValue] = useState('');
  const { busy, error, run } = useBusy();
  const path = objectPath('secrets', object.metadata.namespace, object.metadata.name);
  const change = (body) => run(async () => {
    await json('PATCH', path, { body, type: 'application/merge-patch+json', headers: { 'If-Match': `"${object.metadata.resourceVersion}"` } });
    setKey('');
    setValue('');
    reload();
  });
  return html`<${Panel} title="Keys" id="keys"><ul class="plain">${keys(object).map((one) => html`<li><code>${one}</code>${' '}${can('deploy') && html`<button class="small" disabled=${busy} aria-label=${`Remove ${one}`} onClick=${() => change({ data: { [one]: null } })}>Remove</button>`}</li>`)}</ul>
    <p class="muted">Values are never shown. Instances that use the secret are replaced when it changes.</p><${Failure} error=${error} />
    ${can('deploy') && html`<form class="bar" onSubmit=${(e) => { e.preventDefault(); change({ stringData: { [key]: value } }); }}>
      <${Field} label="Key"><input required value=${key} onInput=${(e) => setKey(e.target.value)} /><//>
      <${Field} label="New value" grow><input type="password" autocomplete="off" required value=${value} onInput=${(e) => setValue(e.target.value)} /><//>
      <button class="primary" disabled=${busy}>Set</button></form>`}<//>`;
}

export function Settings({ ns, query, setParams }) {
  useTitle('Secrets and config maps');
  return html`<${Head} title="Secrets and config maps" />
    <${KindList} plural="secrets" title="Secrets" ns=${ns} query=${query} setParams=${setParams} columns=${columns(ns)} head=${Section} none="Functions take them as files and variables." />
    ${can('deploy') && html`<${NewSecret} ns=${ns} />`}
    <${KindList} plural="configmaps" kind="ConfigMap" title="Config maps" ns=${ns} query=${query} setParams=${setParams} columns=${columns(ns)} head=${Section} none="Functions take them as files and variables." />`;
}

export function Tokens({ ns, query, setParams }) {
  useTitle('Tokens');
  const [name, setName] = useState(''), [role, setRole] = useState('deploy'), [all, setAll] = useState(false), [days, setDays] = useState('90');
  const [made, setMade] = useState(null);
  const { busy, error, run } = useBusy();
  const home = ns || session.who.namespace || 'default';
  const make = (e) => {
    e.preventDefault();
    run(async () => {
      const spec = { role, allNamespaces: all };
      if (days) spec.expires = new Date(Date.now() + Number(days) * 86400000).toISOString();
      setMade(await json('POST', objectPath('apitokens', home), { body: { apiVersion: 'hearth/v1', kind: 'ApiToken', metadata: { name, namespace: home }, spec } }));
      setName('');
    });
  };
  const roles = { view: 'sees', call: 'and calls functions', deploy: 'and writes', admin: 'and makes tokens' };
  return html`<${Head} title="Tokens and roles" />
    <p class="muted">You are <strong>${session.who.name}</strong> with the role <${Badge}>${session.who.role}<//> ${session.who.allNamespaces ? 'in all namespaces' : `in ${session.who.namespace}`}.
      Each role may do what the ones before it may: ${Object.entries(roles).map(([one, what]) => `${one} ${what}`).join(', ')}.</p>
    ${can('admin') ? html`<${Panel} title=${`New token in ${home}`} id="new-token"><form onSubmit=${make}><div class="bar">
      <${Field} label="Name" grow><input required value=${name} onInput=${(e) => setName(e.target.value)} /><//>
      <${Field} label="Role"><select value=${role} onChange=${(e) => setRole(e.target.value)}>${Object.keys(roles).map((one) => html`<option>${one}</option>`)}</select><//>
      <${Field} label="Days, empty: for ever"><input type="number" min="1" max="3650" value=${days} onInput=${(e) => setDays(e.target.value)} /><//>
      <label class="check"><input type="checkbox" checked=${all} onChange=${(e) => setAll(e.target.checked)} /> all namespaces</label>
      <button class="primary" disabled=${busy}>Create</button></div></form><${Failure} error=${error} />
      ${made && html`<div class="notice" role="status"><p>The text of ${made.metadata.name}; it is shown this once:</p><pre tabindex="0">${made.token}</pre></div>`}<//>
      <${KindList} plural="apitokens" title="Tokens" ns=${ns} query=${query} setParams=${setParams} role="admin" head=${Section} columns=${[
    { name: 'Name', wide: true, cell: (one) => html`<span class="muted">${one.metadata.namespace}/</span>${one.metadata.name}` }, { name: 'Role', cell: (one) => html`<${Badge}>${one.spec.role}<//>` },
    { name: 'Reach', narrow: true, cell: (one) => (one.spec.allNamespaces ? 'all namespaces' : one.metadata.namespace) },
    { name: 'Expires', cell: (one) => (one.spec.expires ? html`<span class=${Date.parse(one.spec.expires) < Date.now() ? 'bad-text' : ''} title=${one.spec.expires}>${age(one.spec.expires)}</span>` : 'never') }]} />`
    : html`<p class="notice">Tokens are seen and made with the role admin.</p>`}`;
}
