import './style.css';
import { render } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { login, logout, resume, whenSessionEnds } from './api.js';
import { endStream, startStream, useKind, useStream } from './store.js';
import { useBusy, useKept, useTitle } from './hooks.js';
import { session } from './session.js';
import { Empty, Failure, Field, go, html, Loading } from './ui.js';
import { Overview } from './views/overview.js';
import { Functions } from './views/functions.js';
import { FunctionView } from './views/function.js';
import { Create, ObjectView } from './views/object.js';
import { Environments, Packages, Queues, Routes, Timers } from './views/lists.js';
import { BuildLog, Builds } from './views/builds.js';
import { Calls, CallView } from './views/calls.js';
import { SecretKeys, Settings, Tokens } from './views/settings.js';
import { Changes } from './views/changes.js';
import { System } from './views/system.js';

const MENU = [
  ['overview', 'Overview', Overview], ['functions', 'Functions', Functions], ['environments', 'Environments', Environments], ['routes', 'Routes', Routes],
  ['timers', 'Timers', Timers], ['queues', 'Queues', Queues], ['calls', 'Calls', Calls], ['builds', 'Builds', Builds], ['packages', 'Packages', Packages],
  ['settings', 'Secrets', Settings], ['tokens', 'Tokens', Tokens], ['changes', 'Changes', Changes], ['system', 'System', System],
];
const LIST_OF = { environments: 'environments', httptriggers: 'routes', timetriggers: 'timers', messagequeuetriggers: 'queues', kuberneteswatchtriggers: 'queues',
  packages: 'packages', secrets: 'settings', configmaps: 'settings', apitokens: 'tokens' };

function useRoute() {
  const read = () => {
    const [path, query] = location.hash.replace(/^#\/?/, '').split('?');
    return { parts: path.split('/').filter(Boolean).map(decodeURIComponent), params: new URLSearchParams(query || '') };
  };
  const [route, set] = useState(read);
  useEffect(() => { const hear = () => set(read()); window.addEventListener('hashchange', hear); return () => window.removeEventListener('hashchange', hear); }, []);
  return route;
}

function Extra(plural) {
  if (plural === 'secrets') return (object, reload) => html`<${SecretKeys} object=${object} reload=${reload} />`;
  if (plural === 'packages') return (object) => object.spec && object.spec.source && html`<${BuildLog} ns=${object.metadata.namespace} name=${object.metadata.name} turn=${object.metadata.resourceVersion} />`;
  return undefined;
}

function View({ route, ns, theme }) {
  const [first = 'overview', a, b, c] = route.parts;
  const setParams = (params) => { const text = new URLSearchParams(Object.entries(params).filter(([, value]) => value)).toString(); history.replaceState(null, '', `#/${route.parts.join('/')}${text ? `?${text}` : ''}`); window.dispatchEvent(new Event('hashchange')); };
  if (first === 'functions' && b) return html`<${FunctionView} key=${`${a}/${b}`} objectKey=${`${a}/${b}`} tab=${c || 'about'} />`;
  if (first === 'r' && LIST_OF[a] && c) return html`<${ObjectView} key=${route.parts.join('/')} plural=${a} objectKey=${`${b}/${c}`} extra=${Extra(a)} />`;
  if (first === 'calls' && b) return html`<${CallView} key=${b} ns=${a} id=${b} />`;
  if (first === 'new' && a) return html`<${Create} key=${a} kind=${a} ns=${ns} />`;
  const found = MENU.find(([id]) => id === first);
  if (!found || a) return html`<${Empty} title="There is no such page"><a href="#/overview">Overview</a><//>`;
  return html`<${found[2]} key=${first} ns=${ns} query=${route.params.get('q') || ''} params=${route.params} setParams=${setParams} theme=${theme} />`;
}

function Login({ note, onLogin }) {
  useTitle('Log in');
  const [token, setToken] = useState('');
  const { busy, error, run } = useBusy();
  const send = (e) => { e.preventDefault(); run(async () => onLogin(await login(token.trim()))); };
  return html`<main class="login"><form class="panel" onSubmit=${send}><h1><span class="mark" aria-hidden="true"></span>Hearth</h1>
    ${note && html`<p class="notice" role="status">${note}</p>`}
    <${Field} label="Token" hint="The first one stands in the data folder's run/admin-token."><input type="password" name="token" autocomplete="current-password" required autofocus value=${token} onInput=${(e) => setToken(e.target.value)} /><//>
    <${Failure} error=${error} /><button class="primary" disabled=${busy || !token}>${busy ? 'Asking …' : 'Log in'}</button></form></main>`;
}

function Namespaces({ ns, setNs }) {
  const known = new Set(useKind('functions').items.map((one) => one.metadata.namespace));
  if (ns) known.add(ns);
  if (!session.who.allNamespaces) return html`<span class="muted">${session.who.namespace}</span>`;
  return html`<label class="inline"><span class="hidden">Namespace</span><select value=${ns} onChange=${(e) => setNs(e.target.value)}><option value="">all namespaces</option>${[...known].sort().map((one) => html`<option value=${one}>${one}</option>`)}</select></label>`;
}

const LIVE = { live: ['good', 'live'], connecting: ['warn', 'connecting'], broken: ['bad', 'no connection, trying again'] };

function Shell({ onLogout }) {
  const route = useRoute(), stream = useStream();
  const [ns, setNs] = useKept('hearth-namespace', '');
  const [theme, setTheme] = useKept('hearth-theme', 'system');
  const [open, setOpen] = useState(false);
  const main = useRef(null), first = useRef(true);
  const place = route.parts.join('/');
  useEffect(() => { document.documentElement.dataset.theme = theme; }, [theme]);
  useEffect(() => {
    setOpen(false);
    if (first.current) { first.current = false; return; }
    window.scrollTo(0, 0);
    const title = main.current.querySelector('h1');
    if (title) title.focus({ preventScroll: true });
  }, [place]);
  const [tone, word] = LIVE[stream.state];
  const current = route.parts[0] === 'r' ? LIST_OF[route.parts[1]] : route.parts[0] === 'new' ? '' : route.parts[0] || 'overview';
  return html`<a class="skip" href="#main" onClick=${(e) => { e.preventDefault(); main.current.focus(); }}>To the content</a>
    <header class="top"><button class="menu-button" aria-expanded=${open} aria-controls="menu" onClick=${() => setOpen(!open)}>Menu</button>
      <a class="brand" href="#/overview" aria-label="Hearth"><span class="mark" aria-hidden="true"></span><span class="narrow">Hearth</span></a>
      <span class=${`live ${tone}`} role="status" title=${word}><i aria-hidden="true"></i><span>${word}</span></span>
      <div class="right"><${Namespaces} ns=${ns} setNs=${setNs} />
        <label class="inline narrow"><span class="hidden">Colours</span><select value=${theme} onChange=${(e) => setTheme(e.target.value)}><option value="system">as the system</option><option value="light">light</option><option value="dark">dark</option></select></label>
        ${(session.who.expires || session.who.inMemory) && html`<button onClick=${onLogout} title=${session.who.name}>Log out</button>`}</div></header>
    <div class="body"><nav id="menu" class=${open ? 'menu open' : 'menu'} aria-label="Main">${MENU.map(([id, name]) => html`<a href=${`#/${id}`} aria-current=${current === id ? 'page' : undefined}>${name}</a>`)}
      <label class="inline phone"><span>Colours</span><select value=${theme} onChange=${(e) => setTheme(e.target.value)}><option value="system">as the system</option><option value="light">light</option><option value="dark">dark</option></select></label></nav>
    <main id="main" ref=${main} tabindex="-1" data-place=${place}>${session.who.inMemory && html`<p class="notice">This browser does not keep the session's cookie here (plain http): the session ends with this tab. Over https it stays.</p>`}
      <${View} route=${route} ns=${session.who.allNamespaces ? ns : session.who.namespace} theme=${theme} /></main></div>`;
}

function App() {
  const [state, setState] = useState('asking'), [note, setNote] = useState(''), [error, setError] = useState(null);
  const enter = (who) => { session.who = who; startStream(); setNote(''); setState('in'); };
  const leave = (why) => { endStream(); session.who = null; setNote(why || ''); setState('out'); };
  const begin = () => { setError(null); resume().then((who) => (who ? enter(who) : leave()), setError); };
  useEffect(() => { whenSessionEnds((why) => { if (session.who) leave(why); }); begin(); }, []);
  if (error) return html`<main class="login"><${Failure} error=${error} onRetry=${begin} /></main>`;
  if (state === 'asking') return html`<main class="login"><${Loading} /></main>`;
  if (state === 'out') return html`<${Login} note=${note} onLogin=${(who) => { enter(who); if (!location.hash) go('/overview'); }} />`;
  return html`<${Shell} onLogout=${async () => { await logout(); leave('You are logged out.'); }} />`;
}

try { document.documentElement.dataset.theme = localStorage.getItem('hearth-theme') || 'system'; } catch { /* private mode */ }
render(html`<${App} />`, document.getElementById('app'));
