// The plots over time, by uPlot. They are drawn a few times a second.

import { colour } from './draw.js';
import { chosenNeuron } from './wiring.js';

const WINDOW_S = 60;
const PERIOD_MS = 200;
const plots = {};
let drawn = 0;

const DEFINITIONS = {
  novelty: {
    series: [
      ['features', 'accent', [], (s, row) => ratio(s, row, 'log_distance', 0)],
      ['change', 'command', [4, 3], (s, row) => ratio(s, row, 'log_change', 1)],
      ['texture', 'novel', [], (s, row) => ratio(s, row, 'log_texture', 2)],
    ],
    height: 130,
    log: true,
    mark: 1,
  },
  adaptation: {
    series: [
      ['temporal filter', 'novel', [], (s, row) => Math.exp(s.value(row, 'filter_scale'))],
      ['core', 'command', [4, 3], (s, row) => Math.exp(s.value(row, 'core_scale'))],
      ['light', 'accent', [], (s, row) => s.gate(row, 'gain')],
      ['friction', 'bad', [2, 2], (s, row) => s.value(row, 'friction')],
    ],
    height: 130,
    mark: 1,
  },
  commands: {
    series: [
      ['forward, pilot', 'wanted', [], (s, row) => s.value(row, 'wanted', 0)],
      ['forward, guard', 'sent', [4, 3], (s, row) => s.value(row, 'sent', 0)],
      ['yaw rate, pilot', 'command', [], (s, row) => s.value(row, 'wanted', 3)],
      ['yaw rate, guard', 'tree', [4, 3], (s, row) => s.value(row, 'sent', 3)],
    ],
    height: 120,
  },
  neuron: {
    series: [
      ['potential', 'accent', [], (s, row) => s.value(row, 'state', Math.max(chosenNeuron(), 0))],
      ['time constant, ms', 'novel', [4, 3], (s, row) => 1e3 * s.value(row, 'tau', Math.max(chosenNeuron(), 0)), 'other'],
    ],
    height: 120,
  },
};

function ratio(store, row, name, k) {
  return Math.exp(store.gate(row, name) - store.value(row, 'thresholds', k));
}

function axis() {
  return {
    stroke: colour('quiet'),
    grid: { stroke: colour('line'), width: 1 },
    ticks: { stroke: colour('line'), width: 1 },
    font: '11px sans-serif',
  };
}

function lines(definition) {
  return (u) => {
    const { ctx, bbox } = u;
    ctx.save();
    if (definition.mark) {
      const y = u.valToPos(definition.mark, 'y', true);
      ctx.strokeStyle = colour('text');
      ctx.setLineDash([6, 4]);
      ctx.beginPath();
      ctx.moveTo(bbox.left, y);
      ctx.lineTo(bbox.left + bbox.width, y);
      ctx.stroke();
      ctx.setLineDash([]);
    }
    if (Number.isFinite(u.now)) {
      const x = u.valToPos(u.now, 'x', true);
      if (x >= bbox.left && x <= bbox.left + bbox.width + 1) {
        ctx.strokeStyle = colour('quiet');
        ctx.beginPath();
        ctx.moveTo(x, bbox.top);
        ctx.lineTo(x, bbox.top + bbox.height);
        ctx.stroke();
      }
    }
    ctx.restore();
  };
}

function make(name, definition, element) {
  return new uPlot(
    {
      width: element.clientWidth || 300,
      height: definition.height,
      scales: {
        x: { time: false },
        y: definition.log
          ? { distr: 3, range: (u, low, high) => [0.1, Math.max(high, 4)] }
          : { range: (u, low, high) => spread(low, high, definition.mark) },
        other: { range: (u, low, high) => spread(low, high, 0) },
      },
      axes: [
        { ...axis(), values: (u, ticks) => ticks.map((tick) => `${tick % 1 ? tick.toFixed(1) : tick} s`), size: 26 },
        { ...axis(), size: 44 },
        ...(definition.series.some((each) => each[4]) ? [{ ...axis(), scale: 'other', side: 1, size: 44, grid: { show: false } }] : []),
      ],
      series: [
        { label: 'time', value: (u, value) => (value == null ? '–' : `${value.toFixed(1)} s`) },
        ...definition.series.map(([label, key, dash, , scale]) => ({
          label,
          scale: scale ?? 'y',
          stroke: colour(key),
          width: 1.6,
          dash,
          points: { show: false },
          spanGaps: true,
          value: (u, value) => (value == null ? '–' : value.toFixed(2)),
        })),
      ],
      legend: { live: true, markers: { fill: (u, k) => (k ? colour(definition.series[k - 1][1]) : '') } },
      cursor: { drag: { x: false, y: false }, points: { size: 5 } },
      hooks: { draw: [lines(definition)] },
    },
    [[], ...definition.series.map(() => [])],
    element,
  );
}

function spread(low, high, mark) {
  let [from, to] = [low ?? 0, high ?? 1];
  if (mark !== undefined) [from, to] = [Math.min(from, mark - 0.15), Math.max(to, mark + 0.15)];
  const margin = Math.max(0.06 * (to - from), 0.02);
  return [from - margin, to + margin];
}

function nearest(times, time) {
  let k = times.length - 1;
  while (k > 0 && times[k] > time) k--;
  return k;
}

export function reset() {
  for (const name of Object.keys(plots)) {
    plots[name].destroy();
    delete plots[name];
  }
}

export function resize() {
  for (const [name, plot] of Object.entries(plots)) {
    const width = document.getElementById(`plot-${name}`).clientWidth;
    if (width && Math.abs(width - plot.width) > 1) plot.setSize({ width, height: DEFINITIONS[name].height });
  }
}

export function render(view, force = false) {
  const now = performance.now();
  if (!force && now - drawn < PERIOD_MS) return;
  drawn = now;
  const { store, index } = view;
  if (!store.length) return;
  const time = store.times[index];
  // When scrubbing, a part of what comes after is shown too.
  const end = view.live ? time : Math.min(time + WINDOW_S / 3, store.times[store.length - 1]);
  const start = Math.max(end - WINDOW_S, store.times[0]);
  const [first, last] = [store.indexAt(start), store.indexAt(end)];
  const rows = [];
  const times = [];
  for (let k = first; k <= last; k++) {
    if (!Number.isFinite(store.value(store.rows[k], 'sequence'))) continue;
    rows.push(store.rows[k]);
    times.push(store.times[k]);
  }
  for (const [name, definition] of Object.entries(DEFINITIONS)) {
    const element = document.getElementById(`plot-${name}`);
    if (!element || element.closest('[hidden]')) continue;
    plots[name] ??= make(name, definition, element);
    const data = definition.series.map(([, , , read]) => rows.map((row) => {
      const value = read(store, row);
      return Number.isFinite(value) ? value : null;
    }));
    // What is never there, such as the friction of a drone, is left out.
    data.forEach((values, k) => {
      const show = values.some((value) => value !== null);
      if (plots[name].series[k + 1].show !== show) plots[name].setSeries(k + 1, { show });
      plots[name].root.querySelectorAll('.u-series')[k + 1].hidden = !show;
    });
    plots[name].now = time;
    plots[name].setData([times, ...data], false);
    plots[name].setScale('x', { min: start, max: Math.max(end, start + 1) });
    // The legend shows the values of the moment, unless the pointer is somewhere else.
    if (!(plots[name].cursor.left >= 0)) plots[name].setLegend({ idx: times.length ? nearest(times, time) : null });
    element.dataset.points = times.length;
  }
}
