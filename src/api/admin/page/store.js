// Objects by kind, kept true by one watch stream. A kind is listed when a view first asks for it, page after page,
// and shown as it comes.
import { useEffect, useReducer } from 'preact/hooks';
import { get, lines, objectPath } from './api.js';

export const KINDS = {
  functions: 'Function', packages: 'Package', environments: 'Environment', httptriggers: 'HTTPTrigger',
  timetriggers: 'TimeTrigger', messagequeuetriggers: 'MessageQueueTrigger', kuberneteswatchtriggers: 'KubernetesWatchTrigger',
  secrets: 'Secret', configmaps: 'ConfigMap', apitokens: 'ApiToken',
};
export const PLURALS = Object.fromEntries(Object.entries(KINDS).map(([plural, kind]) => [kind, plural]));
export const keyOf = (object) => `${object.metadata.namespace || 'default'}/${object.metadata.name}`;

const PAGE = 500, MOST_CHANGES = 500, HISTORY = 400, AT_ONCE = 4;
const tables = new Map(); // plural → {items, sorted, loading, error, loaded}
const listeners = new Set();
const stale = new Set(); // "plural key" whose status is to be read anew
const mass = new Map(); // plural → timer of its reading as a whole, after many changes
let changes = [];
let stream = { state: 'connecting', revision: 0 };
let stop = null;
let told = false;

function tell() {
  if (told) return;
  told = true;
  setTimeout(() => { told = false; for (const listener of [...listeners]) listener(); }, 60);
}

export function useStore() {
  const [, redraw] = useReducer((n) => n + 1, 0);
  useEffect(() => { listeners.add(redraw); return () => listeners.delete(redraw); }, []);
}

function put(table, object) {
  const key = keyOf(object), before = table.items.get(key);
  if (before && !object.status && before.status) object = { ...object, status: before.status };
  table.items.set(key, object);
  table.sorted = null;
}

async function load(plural, table) {
  table.loading = true;
  table.error = null;
  const found = new Set();
  let next = '';
  try {
    do {
      const page = await get(`/api/v1/${plural}?limit=${PAGE}${next ? `&continue=${encodeURIComponent(next)}` : ''}`);
      for (const object of page.items) { found.add(keyOf(object)); put(table, object); }
      next = page.metadata.continue;
      tell();
    } while (next && tables.get(plural) === table);
    table.loaded = true;
  } catch (e) { table.error = e; }
  for (const key of table.fresh) found.add(key);
  if (!table.error) for (const key of table.items.keys()) if (!found.has(key)) table.items.delete(key);
  table.fresh.clear();
  table.sorted = null;
  table.loading = false;
  tell();
}

export function reload(plural) {
  const table = tables.get(plural);
  if (table && !table.loading) load(plural, table);
}

/// Items of a kind in order of namespace and name: {items, loading, error, loaded}.
export function useKind(plural) {
  useStore();
  let table = tables.get(plural);
  if (!table) {
    table = { items: new Map(), fresh: new Set(), sorted: null, loading: false, error: null, loaded: false };
    tables.set(plural, table);
    load(plural, table);
  }
  if (!table.sorted) {
    table.sorted = [...table.items.keys()].sort((a, b) => (a < b ? -1 : 1)).map((key) => table.items.get(key));
  }
  return { items: table.sorted, byKey: table.items, loading: table.loading, error: table.error, loaded: table.loaded };
}

export function useChanges() { useStore(); return changes; }
export function useStream() { useStore(); return stream; }

/// What the daemon sees of an object (its status) is no part of a change: it is read when the object changed.
function refresh(plural, key) {
  stale.add(`${plural} ${key}`);
  if (stale.size > 50) {
    stale.clear();
    if (!mass.has(plural)) mass.set(plural, setTimeout(() => { mass.delete(plural); reload(plural); }, 2000));
  }
  setTimeout(readStale, 300);
}

let reading = 0;
async function readStale() {
  if (reading >= AT_ONCE) return;
  reading += 1;
  while (stale.size > 0) {
    const [first] = stale;
    stale.delete(first);
    const [plural, key] = first.split(' '), [ns, name] = key.split('/'), table = tables.get(plural);
    if (!table || !table.items.has(key)) continue;
    try { put(table, await get(objectPath(plural, ns, name))); tell(); } catch { /* gone meanwhile: the stream tells */ }
  }
  reading -= 1;
}

function take(line) {
  stream.revision = line.revision || stream.revision;
  if (line.type === 'bookmark') return;
  if (line.type === 'error') throw Object.assign(new Error(line.message), { restart: true });
  const plural = PLURALS[line.object.kind], key = keyOf(line.object), table = tables.get(plural);
  changes = [{ ...line, seen: Date.now(), key, plural }, ...changes].slice(0, MOST_CHANGES);
  if (!table) return;
  if (line.type === 'removed') { table.items.delete(key); table.fresh.delete(key); table.sorted = null; } else {
    put(table, line.object);
    if (table.loading) table.fresh.add(key);
    refresh(plural, key);
  }
}

const newest = async (signal) => (await get('/api/v1/functions?limit=1', signal)).metadata.revision;

async function follow(signal) {
  let since = null, pause = 500;
  while (!signal.aborted) {
    try {
      if (since === null) since = Math.max(0, (await newest(signal)) - HISTORY);
      await lines(`/api/v1/watch?since=${since}`, signal, (line) => {
        take(line);
        since = stream.revision;
        if (stream.state !== 'live') stream = { ...stream, state: 'live' };
        pause = 500;
        tell();
      });
    } catch (e) {
      if (signal.aborted || e.status === 401) return;
      if (e.status === 410 || e.restart) {
        // Too far back: begin now, and list anew what is shown.
        since = await newest(signal).catch(() => null);
        for (const plural of tables.keys()) reload(plural);
        continue;
      }
    }
    stream = { ...stream, state: 'broken' };
    tell();
    await new Promise((done) => { setTimeout(done, pause); });
    pause = Math.min(pause * 2, 8000);
  }
}

export function startStream() {
  endStream();
  const controller = new AbortController();
  stop = () => controller.abort();
  follow(controller.signal);
}

export function endStream() {
  if (stop) stop();
  stop = null;
  tables.clear();
  changes = [];
  stream = { state: 'connecting', revision: 0 };
}
