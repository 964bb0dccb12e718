// The page: keeps what arrives, chooses the moment that is shown, and has the parts draw it.

import * as above from './above.js';
import * as camera from './camera.js';
import * as commands from './commands.js';
import { number, setText } from './draw.js';
import * as eventList from './events.js';
import * as health from './health.js';
import * as plots from './plots.js';
import * as protocol from './protocol.js';
import * as spectrum from './spectrum.js';
import { Store } from './store.js';
import * as story from './story.js';
import * as timeline from './timeline.js';
import * as wiring from './wiring.js';

const $ = (id) => document.getElementById(id);
const SIMULATORS = ['simulator', 'gazebo', 'scene'];
const OVERLAYS = ['map', 'filter', 'none'];
const GATHERED = 300;
const MAP_WORDS = { visual_backprop: 'VisualBackProp', gradient: 'gradient', input_x_gradient: 'input × gradient' };
const store = new Store();
let line = null;
let linked = false;
let loading = null;
let dirty = false;
let playedFrom = null;
let fetching = false;
let arrived = 0;

const view = {
  store,
  live: true,
  playing: true,
  // What the server said when it ended; empty: it has not.
  over: '',
  index: 0,
  time: 0,
  record: null,
  status: {},
  overlay: 'map',
  map: null,
  frames: 0,
  redraw: () => { dirty = true; },
  drawn: () => { view.frames += 1; },
  seek,
};
// For those who look at the page by a program.
window.liquidPilot = view;

// What arrives

async function load() {
  const about = await protocol.about();
  store.clear();
  store.describe(about);
  above.forget();
  health.forget();
  plots.reset();
  commands.prepare(about);
  wiring.prepare(about, view.redraw);
  prepareMaps(about);
  setText($('pilot-name'), about.pilot ? `${about.pilot.name} (${about.pilot.vehicle})` : 'unknown pilot');
  $('stop').hidden = !about.may_stop;
  store.addHistory(await protocol.history_(0));
  if (about.source === 'recording') {
    view.live = false;
    playedFrom = { wall: performance.now(), time: store.times[0] ?? 0 };
    view.time = store.times[0] ?? 0;
  }
  view.record = null;
  askFor();
  if (about.source === 'live') gather(about);
}

// Get the pictures of the moments before this page was open: when the server ends, they are gone.
async function gather(about) {
  above.gather(store, view.redraw);
  for (const number of store.numbers.slice(-GATHERED)) {
    if (!linked || store.about !== about) return;
    try {
      const message = await protocol.record(number, wantedMaps());
      if (message?.version === about.version && message.blocks.picture) store.keep(message);
    } catch { /* the server keeps it no more */ }
  }
}

function reload() {
  loading ??= load()
    .then(() => { if (!view.over && linked) setText($('notice'), ''); }, (error) => {
      $('notice').className = '';
      setText($('notice'), error instanceof protocol.RefusedError
        ? 'The token is missing or wrong: open the address that was printed at the start, with all that follows #.'
        : '');
      setTimeout(() => { if (!store.about) reload(); }, 1000);
    })
    .finally(() => {
      $('notice').hidden = !$('notice').textContent;
      loading = null;
      view.redraw();
    });
  return loading;
}

function onRecord(message) {
  arrived = performance.now();
  if (!store.about || message.version !== store.about.version || message.number < store.last - 1) {
    // Another pilot flies, or another node answers.
    reload();
    return;
  }
  if (loading) return;
  if (message.number > store.last + 1) fill();
  store.add(message.number, message.time_s, message.blocks.row.slice());
  store.keep(message);
  store.addEvents(message.events);
  store.trim(3600);
  if (view.live) {
    // Between two ticks there is a record without a picture, which hides none.
    const ticked = Number.isFinite(store.value(message.blocks.row, 'sequence'));
    if (ticked || !view.record || message.time_s - view.record.time_s > 1) view.record = message;
    view.status = message.status;
  }
  dirty = true;
}

let filling = false;
async function fill() {
  // What was missed, such as while this page was paused or in the background.
  if (filling || !store.length) return;
  filling = true;
  try {
    const message = await protocol.history_(store.last);
    if (message.version === store.about.version) store.addHistory(message);
  } catch { /* the next record asks again */ } finally {
    filling = false;
  }
}

function onState(state, farewell) {
  linked = state === 'open';
  full(state);
  if (linked && view.over) {
    // Another flight, or the same one served anew.
    view.over = $('notice').className = '';
    view.live = view.playing = true;
    playedFrom = null;
    reload();
  } else if (linked) {
    if (store.about) fill(); else reload();
  } else if (farewell && !view.over) {
    end(farewell);
  }
  dirty = true;
}

// Say so where the server has no room for this page.
function full(state) {
  const text = 'As many pages are open as are allowed (max_viewers): close another one, and this one goes on.';
  const clear = () => { if ($('notice').textContent === text) setText($('notice'), ''); };
  if (state === 'full') setText($('notice'), text);
  else if (state === 'closed') clear();
  // It is open for a moment as well where there is no room.
  else setTimeout(() => { if (linked) { clear(); $('notice').hidden = !$('notice').textContent; } }, 1000);
  $('notice').hidden = !$('notice').textContent;
}

// Stay at the last tick: what has arrived can still be looked through.
function end(farewell) {
  view.over = farewell;
  if (view.live && store.length) seek(store.lastTick);
  const flown = SIMULATORS.some((name) => view.status[name]) ? ' The terminal names report.html, which has the whole run.' : '';
  setText($('notice'), `${farewell}. This page keeps what it has received: press Play, or drag the timeline.${flown}`);
  $('notice').className = 'over';
  $('notice').hidden = false;
}

// The moment that is shown

function seek(time) {
  view.live = false;
  view.playing = false;
  playedFrom = null;
  view.time = Math.min(Math.max(time, store.times[0] ?? 0), store.times[store.length - 1] ?? 0);
  askFor();
  fetchRecord();
  dirty = true;
}

async function fetchRecord() {
  if (fetching) return;
  fetching = true;
  let before = '';
  // The moment may have moved on while its record was under way.
  while (!view.live && store.length) {
    const number = store.numbers[store.indexAt(view.time)];
    const maps = wantedMaps();
    const key = `${store.about.version} ${number} ${JSON.stringify(maps)}`;
    if (key === before || view.record?.key === key) break;
    before = key;
    try {
      const message = view.over ? store.kept.get(number) : await protocol.record(number, maps);
      if (view.live) break;
      if (!message) throw new Error('it is not kept');
      message.key = key;
      view.record = message;
      view.status = message.status;
    } catch {
      view.record = null;
    }
    dirty = true;
  }
  fetching = false;
}

function toggle() {
  if (view.live || view.playing) {
    view.time = store.times[view.index] ?? 0;
    view.live = false;
    view.playing = false;
    playedFrom = null;
  } else {
    view.playing = true;
    if (view.time >= (store.times[store.length - 1] ?? 0) - 0.05) view.time = store.times[0] ?? 0;
    playedFrom = { wall: performance.now(), time: view.time };
  }
  askFor();
  fetchRecord();
  dirty = true;
}

function goLive() {
  if (view.over) return;
  view.live = true;
  view.playing = true;
  playedFrom = null;
  askFor();
  fill();
  dirty = true;
}

function jump(direction) {
  const times = store.events.map((event) => event.time_s);
  const found = direction > 0
    ? times.find((time) => time > view.time + 0.05)
    : times.reverse().find((time) => time < view.time - 0.05);
  if (found !== undefined) seek(found);
}

// What the server is asked for

function wantedMaps() {
  return view.overlay === 'map' && view.map ? [view.map] : [];
}

function askFor() {
  line?.ask({ maps: wantedMaps(), paused: !view.live, hidden: document.hidden });
}

function prepareMaps(about) {
  const { methods, commands: names } = about.maps;
  const [command, method] = [$('map-command'), $('map-method')];
  command.replaceChildren(...names.map((name) => new Option(name === 'all' ? 'the whole command' : name, name)));
  method.replaceChildren(...methods.map((name) => new Option(MAP_WORDS[name] ?? name, name)));
  const change = () => {
    view.map = methods.length ? [method.value, command.value] : null;
    view.overlay = $('overlay').value;
    for (const label of document.querySelectorAll('.of-map')) label.hidden = view.overlay !== 'map' || !methods.length;
    askFor();
    fetchRecord();
    dirty = true;
  };
  command.onchange = method.onchange = $('overlay').onchange = change;
  change();
}

// Drawing

// Conditions such as snow:4@3s+wind:2, as people would say them.
function inWords(condition) {
  return condition.split('+').map((part) => {
    const [, name, , strength, , start] = /^([^:@]+)(:([^@]+))?(@(.+)s)?$/.exec(part) ?? [part, part];
    return name.replaceAll('_', ' ') + (strength ? ` of severity ${strength}` : '') + (start ? ` from ${start} s on` : '');
  }).join(', ');
}

function updateLink() {
  const chip = $('link');
  const recording = store.about?.source === 'recording';
  let [text, level] = ['live', 'good'];
  if (view.over) [text, level] = [view.over.startsWith('The run') ? 'run over' : 'ended', ''];
  else if (!linked) [text, level] = ['no connection', 'bad'];
  else if (recording) [text, level] = [view.playing ? 'recording' : 'recording, paused', ''];
  else if (!view.live) [text, level] = ['paused', 'warn'];
  else if (performance.now() - arrived > 2000) [text, level] = ['nothing arrives', 'bad'];
  setText(chip, text);
  chip.className = `chip ${level}`;
  const play = $('play');
  setText(play, view.live || view.playing ? 'Pause' : 'Play');
  play.setAttribute('aria-label', play.textContent);
  $('live').hidden = recording || view.over !== '';
  $('live').setAttribute('aria-pressed', String(view.live));
  const { condition } = store.about ?? {};
  const mission = SIMULATORS.map((name) => view.status[name]).find(Boolean)?.values ?? {};
  const row = store.about && store.length ? store.rowWith(view.index, 'flight_s') : null;
  // Nodes report about once a second; frames tell the time at once.
  const left = row ? `${number(store.value(row, 'flight_s'), 1)} s of the mission`
    : mission.target_distance_m && `${mission.target_distance_m} m to go, ${mission.flight_s} s`;
  setText($('mission'), [mission.state, left, condition && condition !== 'clear' ? `weather and faults: ${inWords(condition)}` : '']
    .filter(Boolean).join('; '));
}

function draw() {
  requestAnimationFrame(draw);
  if (store.about && store.length && playedFrom) {
    view.time = playedFrom.time + (performance.now() - playedFrom.wall) / 1000;
    if (view.time >= store.times[store.length - 1]) {
      view.time = store.times[store.length - 1];
      view.playing = false;
      playedFrom = null;
    }
    fetchRecord();
    dirty = true;
  }
  if (!dirty) return;
  dirty = false;
  updateLink();
  if (!store.about || !store.length) return;
  if (view.live) {
    view.index = store.length - 1;
    view.time = store.times[view.index];
  } else {
    view.index = store.indexAt(view.time);
  }
  story.render(view);
  camera.render(view).catch(() => {});
  commands.render(view);
  above.render(view);
  wiring.render(view);
  spectrum.render(view);
  health.render(view);
  eventList.render(view);
  timeline.render(view);
  plots.render(view);
}

// Keys, theme, stop

function setTheme(theme) {
  document.documentElement.dataset.theme = theme;
  setText($('theme'), theme === 'dark' ? 'Light' : 'Dark');
  plots.reset();
  dirty = true;
}

function switchTheme() {
  const theme = document.documentElement.dataset.theme === 'dark' ? 'light' : 'dark';
  localStorage.setItem('theme', theme);
  setTheme(theme);
}

function onKey(event) {
  const own = event.target instanceof HTMLSelectElement || event.target.id === 'wiring'
    || (event.target instanceof HTMLButtonElement && event.key === ' ') || $('help').open;
  if (own || event.ctrlKey || event.metaKey || event.altKey) return;
  const actions = {
    ' ': toggle, l: goLive, d: switchTheme, '[': () => jump(-1), ']': () => jump(1),
    ArrowLeft: () => seek(view.time - 1), ArrowRight: () => seek(view.time + 1),
    o: () => {
      $('overlay').value = OVERLAYS[(OVERLAYS.indexOf($('overlay').value) + 1) % 3];
      $('overlay').onchange();
    },
  };
  const action = actions[event.key.length === 1 ? event.key.toLowerCase() : event.key];
  if (!action) return;
  event.preventDefault();
  action();
}

async function stopVehicle() {
  const button = $('stop');
  button.disabled = true;
  setText($('notice'), 'Stopping …');
  $('notice').hidden = false;
  try {
    setText($('notice'), (await protocol.stop()).message);
  } catch {
    setText($('notice'), 'The stop did not arrive: take over by remote control.');
  }
  button.disabled = false;
}

$('play').onclick = toggle;
$('live').onclick = goLive;
$('previous').onclick = () => jump(-1);
$('next').onclick = () => jump(1);
$('theme').onclick = switchTheme;
$('stop').onclick = stopVehicle;
$('help-button').onclick = () => $('help').showModal();
document.addEventListener('keydown', onKey);
document.addEventListener('visibilitychange', askFor);
new ResizeObserver(() => { plots.resize(); dirty = true; }).observe(document.body);
setInterval(() => { dirty = true; }, 500);
timeline.prepare(view);
setTheme(localStorage.getItem('theme')
  ?? (matchMedia('(prefers-color-scheme: light)').matches ? 'light' : 'dark'));
line = new protocol.Line(onRecord, onState);
requestAnimationFrame(draw);
