// Reading and writing of objects.
import { dump } from 'js-yaml';
import { json, objectPath } from './api.js';
import { PLURALS } from './store.js';

const READ_ONLY = ['uid', 'generation', 'creationTimestamp', 'resourceVersion'];

/// An object as one would write it.
export function written(object) {
  const { status, metadata, ...rest } = object;
  const kept = Object.fromEntries(Object.entries(metadata).filter(([name]) => !READ_ONLY.includes(name)));
  return { apiVersion: rest.apiVersion, kind: rest.kind, metadata: kept, ...Object.fromEntries(Object.entries(rest).filter(([k]) => k !== 'apiVersion' && k !== 'kind')) };
}

export const yamlOf = (object) => dump(written(object), { lineWidth: 120, noRefs: true });

/// Functions and what they consist of are loaded once before anything is written.
const verified = (kind) => (kind === 'Function' || kind === 'Package' ? 'true' : 'false');

/// Writes the whole object over the revision that was read.
export function replace(object, yaml, dryRun) {
  const plural = PLURALS[object.kind], { namespace, name, resourceVersion } = object.metadata;
  return json('PUT', `${objectPath(plural, namespace, name)}?dryRun=${dryRun}&verify=${verified(object.kind)}`,
    { body: yaml, headers: { 'If-Match': `"${resourceVersion}"` } });
}

export function apply(documents, { ns, dryRun = false, verify = true }) {
  const body = typeof documents === 'string' ? documents : documents.map((one) => JSON.stringify(one)).join('\n---\n');
  const query = new URLSearchParams({ dryRun, verify, file: 'page' });
  if (ns) query.set('namespace', ns);
  return json('POST', `/api/v1/apply?${query}`, { body });
}

export function remove(plural, key, dryRun) {
  const [ns, name] = key.split('/');
  return json('DELETE', `${objectPath(plural, ns, name)}?dryRun=${dryRun}`);
}
