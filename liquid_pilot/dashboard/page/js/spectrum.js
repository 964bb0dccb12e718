// The time constants of all neurons now, against what they are and can be as trained.

import { colour, context, legend, milliseconds } from './draw.js';

const canvas = document.getElementById('spectrum');
const TICKS = [0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100];

export function render(view) {
  const { store } = view;
  const { c, width, height } = context(canvas);
  const row = store.rowWith(view.index, 'tau');
  const wiring = store.about.wiring;
  if (!row || !wiring) {
    c.fillStyle = colour('quiet');
    c.textAlign = 'center';
    const liquid = row && Number.isFinite(store.value(row, 'tau', 0));
    const without = liquid ? 'drawn for an ltc only; choose a neuron to read its own' : 'this core has no time constants';
    c.fillText(wiring ? 'no tick arrives' : without, width / 2, height / 2);
    return;
  }
  const tau = store.read(row, 'tau');
  const trained = store.read(row, 'tau_trained');
  const [low, , high] = wiring.tau_s;
  const all = [...tau, ...low.filter((v) => v > 0)].filter((v) => v > 0);
  const first = Math.log(Math.min(...all) / 1.3);
  const last = Math.log(Math.max(...tau, ...trained) * 3);
  const X = (seconds) => 8 + ((width - 16) * (Math.log(seconds) - first)) / (last - first);
  drawAxis(c, X, width, height);
  const order = [...tau.keys()].sort((a, b) => trained[a] - trained[b]);
  const step = (height - 26) / order.length;
  order.forEach((k, rank) => {
    const y = 6 + (rank + 0.5) * step;
    const name = wiring.roles[k];
    c.globalAlpha = 0.35;
    c.lineWidth = Math.max(step - 2, 1);
    c.strokeStyle = colour('line');
    c.beginPath();
    c.moveTo(Math.max(X(low[k] ?? tau[k]), 4), y);
    c.lineTo(Math.min(X(high[k] ?? 1e3), width - 4), y);
    c.stroke();
    c.globalAlpha = 1;
    c.lineWidth = 1.5;
    c.strokeStyle = colour(name);
    c.beginPath();
    c.moveTo(X(trained[k]), y);
    c.lineTo(X(tau[k]), y);
    c.stroke();
    c.fillStyle = colour('text');
    c.fillRect(X(trained[k]) - 0.7, y - step / 2, 1.4, step);
    c.fillStyle = colour(name);
    c.beginPath();
    c.arc(X(tau[k]), y, Math.min(Math.max(step / 2, 2.2), 4), 0, 7);
    c.fill();
  });
  const slowest = Math.max(...tau);
  canvas.setAttribute(
    'aria-label',
    `Time constants from ${milliseconds(Math.min(...tau))} to ${milliseconds(slowest)}`,
  );
  legend(document.getElementById('spectrum-legend'), [
    ['inter', 'inter'], ['command', 'command'], ['motor', 'motor'],
    ['dot: now; mark: as trained at this input', 'text'], ['bar: all that the inputs can make of it', 'line'],
  ]);
}

function drawAxis(c, X, width, height) {
  c.strokeStyle = colour('line');
  c.fillStyle = colour('quiet');
  c.lineWidth = 1;
  c.textAlign = 'center';
  c.textBaseline = 'bottom';
  let last = -100;
  for (const tick of TICKS) {
    const x = X(tick);
    if (x < 14 || x > width - 18 || x - last < 48) continue;
    last = x;
    c.beginPath();
    c.moveTo(x, 4);
    c.lineTo(x, height - 18);
    c.stroke();
    c.fillText(milliseconds(tick), x, height - 2);
  }
}
