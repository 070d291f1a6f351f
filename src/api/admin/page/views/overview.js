import { useEffect, useReducer } from 'preact/hooks';
import { html, Badge, Empty, Failure, Head, Loading, Panel, Table } from '../ui.js';
import { useGet, useTitle } from '../hooks.js';
import { useChanges, useKind } from '../store.js';
import { Chart } from '../chart.js';
import { latest, level, listen, quantile, rate, samples, times } from '../metrics.js';
import { number, ready, span } from '../format.js';
import { can } from '../session.js';
import { ChangeList } from './changes.js';

const answers = (cls) => (name) => name === `hearth_gateway_answers_total{class="${cls}"}`;
const named = (start) => (name) => name.startsWith(start);

function Tile({ name, value, href, tone }) {
  return html`<a class="tile ${tone || ''}" href=${href}><span>${name}</span><strong>${value}</strong></a>`;
}

function FirstSteps() {
  return html`<${Empty} title="Nothing is deployed yet">
    ${can('deploy') ? html`<p><a class="button primary" href="#/new/Function">Write a function</a></p><p>or on the command line:</p>`
    : html`<p>Whoever has a token with the role deploy can change that:</p>`}
    <pre>hearth deploy hello.py --route /hello</pre><//>`;
}

export function Overview({ theme }) {
  useTitle('Overview');
  const [, redraw] = useReducer((n) => n + 1, 0);
  useEffect(() => listen(redraw), []);
  const functions = useKind('functions'), routes = useKind('httptriggers');
  const pools = useGet('/api/v1/pools', 3000), instances = useGet('/api/v1/instances', 3000);
  const changes = useChanges();
  const broken = functions.items.filter((one) => { const state = ready(one); return state && !state.ok; });
  const running = instances.data ? instances.data.items.filter((one) => one.function) : [];
  const faults = [...new Map(samples.length ? [...samples[samples.length - 1].values].filter(([name]) => name.startsWith('hearth_gateway_faults_total')) : [])]
    .filter(([, value]) => value > 0).map(([name, value]) => [name.match(/"([^"]+)"/)[1], value]);
  const cold = named('hearth_executor_cold_start_seconds_count'), load = (name) => cold(name) && name.includes('phase="load"');
  const coldCount = latest(load), coldSum = latest((name) => name.startsWith('hearth_executor_cold_start_seconds_sum'));
  if (functions.loading && functions.items.length === 0) return html`<${Head} title="Overview" /><${Loading} />`;
  return html`<${Head} title="Overview" />
    <${Failure} error=${functions.error} />
    <div class="tiles">
      <${Tile} name="Functions" value=${number(functions.items.length)} href="#/functions" />
      <${Tile} name="Not ready" value=${number(broken.length)} href="#/functions?state=bad" tone=${broken.length ? 'bad' : ''} />
      <${Tile} name="Routes" value=${number(routes.items.length)} href="#/routes" />
      <${Tile} name="Instances with code" value=${number(running.length)} href="#/environments" />
      <${Tile} name="Cold starts" value=${number(coldCount)} href="#/environments" />
      <${Tile} name="Mean cold start" value=${coldCount ? span(1000 * coldSum / coldCount) : '–'} href="#/environments" />
      <${Tile} name="Calls waiting" value=${number(latest((name) => name === 'hearth_async_waiting'))} href="#/calls" />
    </div>
    ${functions.loaded && functions.items.length === 0 && html`<${FirstSteps} />`}
    <div class="grid">
      <${Chart} title="Answers per second" unit="/s" theme=${theme} times=${times()} series=${[
    { name: '2xx', tone: '--good', values: rate(answers('2xx')) }, { name: '4xx', tone: '--warn', values: rate(answers('4xx')) },
    { name: '5xx', tone: '--bad', values: rate(answers('5xx')) }]} />
      <${Chart} title="Duration of requests" unit="" show=${span} theme=${theme} times=${times()} series=${[
    { name: 'median', tone: '--accent', values: quantile(0.5) }, { name: '95 of 100', tone: '--warn', values: quantile(0.95) }]} />
      <${Chart} title="Cold starts and failed loads per second" unit="/s" theme=${theme} times=${times()} series=${[
    { name: 'cold starts', tone: '--accent', values: rate(load) }, { name: 'failed', tone: '--bad', values: rate(named('hearth_executor_load_failures_total')) }]} />
      <${Chart} title="Instances" unit="" show=${(n) => number(n)} theme=${theme} times=${times()} series=${[
    { name: 'of all kinds', tone: '--accent', values: level('hearth_executor_instances') }]} />
    </div>
    <div class="grid">
      <${Panel} title="Faults since the start" id="faults" aside=${html`<span class="muted">by component</span>`}>
        ${faults.length === 0 ? html`<p class="muted">No routed request has failed.</p>` : html`<ul class="plain">${faults.map(([name, value]) => html`<li><${Badge} tone="bad">${name}<//> ${number(value)}</li>`)}</ul>`}<//>
      <${Panel} title="Pools" id="pools" aside=${html`<a href="#/environments">all</a>`}>
        <${Failure} error=${pools.error} />
        ${pools.data && html`<${Table} label="Pools" items=${pools.data.items} keyOf=${(p) => `${p.namespace}/${p.environment}`} empty=${html`<p class="muted">No environment has a pool.</p>`}
          href=${(p) => `#/r/environments/${p.namespace}/${p.environment}`}
          columns=${[{ name: 'Environment', cell: (p) => p.environment }, { name: 'Warm', cell: (p) => `${p.warm} of ${p.target}` }, { name: 'Starting', cell: (p) => p.starting }]} />`}<//>
      <${Panel} title="Latest changes" id="latest" aside=${html`<a href="#/changes">all</a>`}><${ChangeList} changes=${changes.slice(0, 8)} /><//>
    </div>`;
}
