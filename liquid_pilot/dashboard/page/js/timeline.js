// The last minutes at a glance: what was unlike training, what the guard did, what adapted, events.

import { clock, colour, context, setText } from './draw.js';

const canvas = document.getElementById('timeline');
const scrub = document.getElementById('scrub');
const LEFT = 74;
const GUARD = { engaged: 'accent', safe: 'bad', stopped: 'warn', overridden: 'command', disengaged: 'sensory' };
const PERIOD_MS = 100;
let drawn = 0;

export function prepare(view) {
  scrub.oninput = () => view.seek(Number(scrub.value));
  scrub.onkeydown = (event) => {
    // The page has the arrow keys itself, wherever the focus is.
    if (event.key.startsWith('Arrow')) event.preventDefault();
  };
}

export function render(view, force = false) {
  const now = performance.now();
  if (!force && now - drawn < PERIOD_MS) return;
  drawn = now;
  const { store } = view;
  const { c, width, height } = context(canvas);
  if (!store.length) return;
  const start = store.times[0];
  const end = Math.max(store.times[store.length - 1], start + 1);
  const X = (time) => LEFT + ((width - LEFT - 4) * (time - start)) / (end - start);
  const tracks = { picture: [2, 15], filter: [20, 20], guard: [43, 12], events: [58, 12] };
  c.textAlign = 'left';
  c.textBaseline = 'middle';
  c.fillStyle = colour('quiet');
  c.font = '11px sans-serif';
  for (const [name, [top, size]] of Object.entries(tracks)) {
    c.fillText({ picture: 'picture', filter: 'adaptation', guard: 'guard', events: 'events' }[name], 0, top + size / 2);
  }
  drawBands(c, view, X, tracks);
  drawFilter(c, store, X, tracks.filter);
  drawEvents(c, store, X, tracks.events);
  const x = X(view.time);
  c.fillStyle = colour('text');
  c.fillRect(x - 1, 0, 2, height);
  setText(document.getElementById('clock'), `${clock(view.time)} of ${clock(end)}`);
  scrub.min = start;
  scrub.max = end;
  scrub.value = view.time;
  scrub.setAttribute('aria-valuetext', clock(view.time));
}

function drawBands(c, view, X, tracks) {
  const { store } = view;
  const states = Object.keys(store.about.guard_states);
  // One column of pixels shows the worst of its records.
  let [novelUntil, guardUntil] = [-1, -1];
  for (let k = 0; k < store.length; k++) {
    const x = X(store.times[k]);
    const next = k + 1 < store.length ? X(store.times[k + 1]) : x + 1;
    const row = store.rows[k];
    const novel = store.gate(row, 'novel');
    if (Number.isFinite(novel)) {
      const flicker = store.value(row, 'flicker') === 1;
      c.fillStyle = novel ? colour('novel') : flicker ? colour('flicker') : colour('raise');
      if (novel || x >= novelUntil) c.fillRect(x, tracks.picture[0], Math.max(next - x, 1.5) + 0.5, tracks.picture[1]);
      if (novel) novelUntil = x + 1.5;
    }
    const guard = states[store.value(row, 'guard')];
    if (guard && x >= guardUntil) {
      c.fillStyle = colour(GUARD[guard] ?? 'sensory');
      c.fillRect(x, tracks.guard[0], Math.max(next - x, 1) + 0.5, tracks.guard[1]);
    }
  }
}

function drawFilter(c, store, X, [top, size]) {
  c.strokeStyle = colour('line');
  c.lineWidth = 1;
  c.strokeRect(X(store.times[0]), top, X(store.times[store.length - 1]) - X(store.times[0]), size);
  c.strokeStyle = colour('command');
  c.lineWidth = 1.6;
  c.beginPath();
  let begun = false;
  let largest = 0.2;
  for (const row of store.rows) {
    const value = Math.abs(store.value(row, 'filter_scale'));
    if (value > largest) largest = value;
  }
  for (let k = 0; k < store.length; k++) {
    const value = store.value(store.rows[k], 'filter_scale');
    if (!Number.isFinite(value)) continue;
    const y = top + size - 2 - (size - 4) * Math.min(Math.max(value / largest, 0), 1);
    if (begun) c.lineTo(X(store.times[k]), y);
    else c.moveTo(X(store.times[k]), y);
    begun = true;
  }
  c.stroke();
}

function drawEvents(c, store, X, [top, size]) {
  const names = { world: 'text', novel: 'novel', accepted: 'command', adapted: 'command', guard: 'accent', mission: 'accent', node: 'sensory', reset: 'sensory' };
  for (const event of store.events) {
    c.fillStyle = event.level === 2 ? colour('bad') : colour(names[event.kind] ?? 'sensory');
    const x = Math.max(X(event.time_s) - 1, LEFT);
    c.fillRect(x, event.kind === 'world' ? 0 : top, 2.5, event.kind === 'world' ? top + size : size);
    // In the free room of the adaptation, since that is what follows.
    if (event.kind === 'world') {
      const words = event.text.slice(event.text.indexOf(': ') + 2);
      const before = x + 6 + c.measureText(words).width > c.canvas.clientWidth;
      c.textAlign = before ? 'right' : 'left';
      c.fillText(words, before ? x - 4 : x + 6, 27);
    }
  }
}
