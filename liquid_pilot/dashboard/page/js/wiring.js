// The wiring as it works: potentials in the neurons, currents along the synapses, time constants
// as rings. A neuron that is chosen shows its strongest inputs.

import { colour, context, legend, milliseconds, setText, signed } from './draw.js';

const canvas = document.getElementById('wiring');
const choice = document.getElementById('neuron-choice');
const box = document.getElementById('neuron');
const ROLES = ['sensory', 'inter', 'command', 'motor'];
let places = null;
let hit = [];
let chosen = -1;

export const chosenNeuron = () => chosen;

export function prepare(about, redraw) {
  places = null;
  const wiring = about.wiring;
  const names = wiring ? wiring.neurons : Array.from({ length: about.fields.state }, (_, k) => `unit ${k}`);
  choice.replaceChildren(new Option('none', -1), ...names.map((name, k) => new Option(name, k)));
  choose(chosen < names.length ? chosen : -1, redraw);
  choice.onchange = () => choose(Number(choice.value), redraw);
  canvas.onclick = (event) => {
    const [x, y] = [event.offsetX, event.offsetY];
    const found = hit.find((each) => Math.hypot(each.x - x, each.y - y) < each.r + 5);
    choose(found && found.k !== chosen ? found.k : -1, redraw);
  };
  canvas.onkeydown = (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    choose((chosen + step + names.length) % names.length, redraw);
  };
  legend(document.getElementById('wiring-legend'), wiring
    ? [['current that raises', 'plus'], ['current that lowers', 'minus'], ['ring: the wider, the slower the neuron', 'quiet']]
    : [['high', 'plus'], ['low', 'minus']]);
}

function choose(k, redraw) {
  chosen = k;
  choice.value = k;
  box.hidden = k < 0;
  redraw();
}

function layOut(about, width, height) {
  const { roles, inputs } = about.wiring;
  const margin = { left: width < 520 ? 26 : 74, right: width < 520 ? 92 : 96, top: 24, bottom: 10 };
  const span = width - margin.left - margin.right;
  const X = (column) => margin.left + (span * column) / 3;
  const Y = (rank, count) => margin.top + ((height - margin.top - margin.bottom) * (rank + 0.5)) / count;
  const counts = {};
  const neurons = roles.map((role) => {
    counts[role] = (counts[role] ?? 0) + 1;
    return counts[role] - 1;
  });
  const offset = (role, rank) => (role === 'motor' ? 0 : (rank % 2 ? 1 : -1) * Math.min(span * 0.022, 14));
  return {
    width,
    height,
    columns: ROLES.map((role, k) => [role, X(k)]),
    inputs: inputs.map((_, k) => [X(0), Y(k, inputs.length)]),
    neurons: neurons.map((rank, k) => {
      const role = roles[k];
      return [X(ROLES.indexOf(role)) + offset(role, rank), Y(rank, counts[role])];
    }),
  };
}

export function render(view) {
  const { store, record } = view;
  const about = store.about;
  const row = store.rowWith(view.index, 'state');
  if (!about.wiring) {
    renderUnits(view, row);
    return;
  }
  const { c, width, height } = context(canvas);
  if (!places || places.width !== width || places.height !== height) places = layOut(about, width, height);
  const blocks = record?.blocks ?? {};
  if (blocks.sensory) drawSynapses(c, about.wiring, blocks);
  drawInputs(c, about, blocks.inputs, width);
  if (row) drawNeurons(c, store, row, width);
  if (chosen >= 0 && row) describe(store, row, blocks);
  canvas.dataset.number = record?.number ?? '';
}

function drawSynapses(c, wiring, blocks) {
  for (const [kind, from] of [['sensory', places.inputs], ['between', places.neurons]]) {
    const [sources, targets] = wiring[kind];
    const currents = blocks[kind];
    const isOwn = (k) => chosen < 0 || targets[k] === chosen || (kind === 'between' && sources[k] === chosen);
    let largest = 1e-9;
    currents.forEach((value, k) => { if (isOwn(k)) largest = Math.max(largest, Math.abs(value)); });
    const order = [...currents.keys()].sort((a, b) => Math.abs(currents[a]) - Math.abs(currents[b]));
    for (const k of order) {
      const share = Math.min(Math.abs(currents[k]) / largest, 1);
      const own = isOwn(k);
      if (share < 0.03 || (!own && share < 0.3)) continue;
      const [x0, y0] = from[sources[k]];
      const [x1, y1] = places.neurons[targets[k]];
      c.globalAlpha = own ? 0.12 + 0.75 * share : 0.08;
      c.lineWidth = 0.4 + 3.2 * share;
      c.strokeStyle = currents[k] > 0 ? colour('plus') : colour('minus');
      c.beginPath();
      c.moveTo(x0, y0);
      if (kind === 'between' && Math.abs(x0 - x1) < 40) {
        const bulge = sources[k] === targets[k] ? 26 : 18 + Math.abs(y1 - y0) * 0.12;
        c.bezierCurveTo(x0 + bulge, y0 - 6, x1 + bulge, y1 + 6, x1, y1);
      } else {
        c.lineTo(x1, y1);
      }
      c.stroke();
    }
  }
  c.globalAlpha = 1;
}

function drawInputs(c, about, values, width) {
  c.textBaseline = 'middle';
  c.textAlign = 'right';
  c.font = '10px sans-serif';
  places.inputs.forEach(([x, y], k) => {
    const value = values ? values[k] : 0;
    c.fillStyle = fill(value / 2);
    c.strokeStyle = colour('sensory');
    c.lineWidth = 1;
    c.beginPath();
    c.arc(x, y, 4, 0, 7);
    c.fill();
    c.stroke();
    if (width >= 520) {
      c.fillStyle = colour('quiet');
      c.fillText(about.wiring.inputs[k], x - 8, y);
    }
  });
  c.textAlign = 'center';
  c.textBaseline = 'top';
  c.font = '12px sans-serif';
  c.fillStyle = colour('quiet');
  const words = { sensory: width < 520 ? 'inputs' : 'picture, IMU', inter: 'inter', command: 'command', motor: 'motor' };
  for (const [role, x] of places.columns) c.fillText(words[role], x, 3);
}

function fill(potential) {
  const share = Math.min(Math.abs(potential), 1);
  if (!Number.isFinite(share)) return colour('raise');
  return `color-mix(in srgb, ${colour(potential > 0 ? 'plus' : 'minus')} ${Math.round(100 * share)}%, ${colour('raise')})`;
}

function drawNeurons(c, store, row, width) {
  const { roles } = store.about.wiring;
  const state = store.read(row, 'state');
  const tau = store.read(row, 'tau');
  const radius = width < 520 ? 7 : 9;
  const names = store.about.commands.map((each) => each.name);
  hit = [];
  places.neurons.forEach(([x, y], k) => {
    // A ring of 1 to 7 pixels, from 10 ms to 3 s.
    const ring = 1 + 6 * Math.min(Math.max(Math.log(tau[k] / 0.01) / Math.log(300), 0), 1);
    c.beginPath();
    c.arc(x, y, radius + ring / 2, 0, 7);
    c.lineWidth = ring;
    c.globalAlpha = 0.45;
    c.strokeStyle = colour(roles[k]);
    c.stroke();
    c.globalAlpha = 1;
    c.beginPath();
    c.arc(x, y, radius, 0, 7);
    c.fillStyle = fill(state[k]);
    c.fill();
    c.lineWidth = k === chosen ? 3 : 1.2;
    c.strokeStyle = k === chosen ? colour('text') : colour(roles[k]);
    c.stroke();
    if (roles[k] === 'motor' && k < names.length) {
      c.textAlign = 'left';
      c.textBaseline = 'middle';
      // A car has no use for two of them.
      const used = (store.about.pilot?.maximum ?? [])[k] !== 0;
      c.fillStyle = colour(used ? 'text' : 'quiet');
      c.fillText(used ? names[k] : `${names[k]}, unused`, x + radius + 9, y);
    }
    hit.push({ x, y, r: radius, k });
  });
}

function renderUnits(view, row) {
  const { c, width, height } = context(canvas);
  if (!row) return;
  const state = view.store.read(row, 'state');
  hit = [];
  const step = width / Math.max(state.length, 1);
  const largest = Math.max(...state.map(Math.abs), 1e-6);
  state.forEach((value, k) => {
    const share = value / largest;
    c.fillStyle = colour(value > 0 ? 'plus' : 'minus');
    c.fillRect(k * step, height / 2 - Math.max(share, 0) * height * 0.45, Math.max(step - 1, 0.5), Math.abs(share) * height * 0.45);
  });
  if (chosen >= 0) describe(view.store, row, {});
}

function describe(store, row, blocks) {
  const wiring = store.about.wiring;
  const tau = store.value(row, 'tau', chosen);
  const trained = store.value(row, 'tau_trained', chosen);
  setText(document.getElementById('neuron-name'), wiring ? wiring.neurons[chosen] : `unit ${chosen}`);
  const parts = [`potential ${signed(store.value(row, 'state', chosen), 3)}`];
  if (Number.isFinite(tau)) parts.push(`time constant ${milliseconds(tau)}`);
  if (Number.isFinite(trained)) parts.push(`as trained: ${milliseconds(trained)}`);
  setText(document.getElementById('neuron-now'), parts.join(', '));
  const list = document.getElementById('neuron-inputs');
  if (!wiring || !blocks.sensory) {
    list.replaceChildren();
    return;
  }
  const found = [];
  for (const [kind, names] of [['sensory', wiring.inputs], ['between', wiring.neurons]]) {
    const [sources, targets] = wiring[kind];
    targets.forEach((target, k) => {
      if (target === chosen) found.push([names[sources[k]], blocks[kind][k]]);
    });
  }
  found.push(['leak', blocks.leak[chosen]]);
  found.sort((a, b) => Math.abs(b[1]) - Math.abs(a[1]));
  const texts = found.slice(0, 6).map(([name, current]) => `${name}: ${signed(current, 3)}`);
  texts.forEach((text, k) => {
    if (!list.children[k]) list.append(document.createElement('li'));
    setText(list.children[k], text);
  });
  while (list.children.length > texts.length) list.lastChild.remove();
}

