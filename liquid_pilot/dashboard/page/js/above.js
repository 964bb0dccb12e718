// The path from above, with the scene where it is known.

import * as protocol from './protocol.js';
import { colour, context, legend, number, setText } from './draw.js';

const canvas = document.getElementById('above');
const note = document.getElementById('above-note');
const scenes = new Map();
const STEPS = [1, 2, 5, 10, 20, 50, 100, 200];

function sceneOf(mission, redraw) {
  const known = scenes.get(mission);
  // One that is not known yet may become known: the obstacles come a moment after the mission.
  if (known && (known.found || Date.now() - known.asked < 3000)) return known.scene;
  const entry = { scene: known?.scene ?? {}, asked: Date.now(), found: false };
  scenes.set(mission, entry);
  if (scenes.size > 64) scenes.delete(scenes.keys().next().value);
  protocol.scene(mission).then((scene) => {
    entry.scene = scene;
    entry.found = Object.keys(scene).length > 0;
    if (entry.found) redraw();
  }, () => {});
  return entry.scene;
}

export function forget() {
  scenes.clear();
}

// Ask for the scenes of all missions that are known: later there may be nobody to ask.
export function gather(store, redraw) {
  for (const mission of new Set(store.rows.map((row) => store.value(row, 'mission')))) sceneOf(mission, redraw);
}

function path(store, index, mission) {
  const points = [];
  for (let k = index; k >= 0 && store.value(store.rows[k], 'mission') === mission; k--) {
    const [x, y] = store.read(store.rows[k], 'position');
    if (Number.isFinite(x)) points.push([x, y, store.gate(store.rows[k], 'novel') === 1]);
  }
  return points.reverse();
}

function extent(scene, points) {
  const all = points.map(([x, y]) => [x, y]);
  for (const mark of scene.landmarks ?? []) all.push(mark.position);
  if (!(scene.landmarks ?? []).length) {
    for (const line of scene.lines ?? []) all.push(...line.points);
    if (!all.length) all.push(...(scene.cloud ?? []));
  }
  return all;
}

export function render(view) {
  const { store, index } = view;
  const { c, width, height } = context(canvas);
  const row = store.rows[index];
  if (!row) return;
  const mission = store.value(row, 'mission');
  const scene = sceneOf(mission, view.redraw);
  const points = path(store, index, mission);
  const all = extent(scene, points);
  if (!all.length) {
    c.fillStyle = colour('quiet');
    c.textAlign = 'center';
    c.fillText('no odometry arrives', width / 2, height / 2);
    setText(note, '');
    legend(document.getElementById('above-legend'), []);
    return;
  }
  const xs = all.map((p) => p[0]);
  const ys = all.map((p) => p[1]);
  const [left, right, low, high] = [Math.min(...xs), Math.max(...xs), Math.min(...ys), Math.max(...ys)];
  const span = Math.max(right - left, high - low, 6) * 1.12 + 2;
  const scale = Math.min(width, height) / span;
  const X = (x) => width / 2 + (x - (left + right) / 2) * scale;
  const Y = (y) => height / 2 - (y - (low + high) / 2) * scale;
  drawScene(c, scene, X, Y, scale);
  drawPath(c, points, X, Y);
  drawVehicle(c, store, row, points, X, Y);
  drawScaleBar(c, span, scale, height);
  describe(view, scene, points, row);
}

function drawScene(c, scene, X, Y, scale) {
  for (const line of scene.lines ?? []) {
    c.beginPath();
    line.points.forEach(([x, y], k) => (k ? c.lineTo(X(x), Y(y)) : c.moveTo(X(x), Y(y))));
    c.lineWidth = line.width_m > 0 ? Math.max(line.width_m * scale, 1) : -line.width_m;
    c.strokeStyle = line.width_m > 0 ? colour('road') : colour('quiet');
    c.stroke();
  }
  (scene.discs ?? []).forEach((discs, kind) => {
    c.fillStyle = kind === (scene.discs.length - 1) ? colour('tree') : colour('bush');
    for (const [x, y, radius] of discs.places) {
      c.beginPath();
      c.arc(X(x), Y(y), Math.max(radius * scale, 1.2), 0, 7);
      c.fill();
    }
  });
  c.fillStyle = colour('tree');
  for (const [x, y] of scene.cloud ?? []) c.fillRect(X(x) - 1, Y(y) - 1, 2, 2);
  for (const mark of scene.landmarks ?? []) {
    const [x, y] = [X(mark.position[0]), Y(mark.position[1])];
    c.fillStyle = mark.goal ? colour('motor') : colour('quiet');
    c.strokeStyle = colour('text');
    c.lineWidth = 1;
    star(c, x, y, mark.goal ? 8 : 5);
    c.fill();
    c.stroke();
    if (mark.goal && scene.arrival_radius_m) {
      c.beginPath();
      c.setLineDash([4, 3]);
      c.arc(x, y, scene.arrival_radius_m * scale, 0, 7);
      c.stroke();
      c.setLineDash([]);
    }
  }
}

function star(c, x, y, size) {
  c.beginPath();
  for (let k = 0; k < 10; k++) {
    const radius = k % 2 ? 0.45 * size : size;
    const angle = (k * Math.PI) / 5 - Math.PI / 2;
    c.lineTo(x + radius * Math.cos(angle), y + radius * Math.sin(angle));
  }
  c.closePath();
}

function drawPath(c, points, X, Y) {
  c.lineWidth = 2.5;
  c.lineJoin = 'round';
  for (let k = 1; k < points.length; k++) {
    c.strokeStyle = points[k][2] ? colour('novel') : colour('accent');
    c.beginPath();
    c.moveTo(X(points[k - 1][0]), Y(points[k - 1][1]));
    c.lineTo(X(points[k][0]), Y(points[k][1]));
    c.stroke();
  }
}

function drawVehicle(c, store, row, points, X, Y) {
  if (!points.length) return;
  const [x, y] = points[points.length - 1];
  const heading = store.value(row, 'heading');
  c.save();
  c.translate(X(x), Y(y));
  c.rotate(Number.isFinite(heading) ? -heading : 0);
  c.beginPath();
  c.moveTo(9, 0);
  c.lineTo(-6, 6);
  c.lineTo(-3, 0);
  c.lineTo(-6, -6);
  c.closePath();
  c.fillStyle = colour('text');
  c.fill();
  c.restore();
}

function drawScaleBar(c, span, scale, height) {
  const metres = STEPS.filter((step) => step < 0.35 * span).pop() ?? 1;
  c.strokeStyle = colour('text');
  c.lineWidth = 2;
  c.beginPath();
  c.moveTo(8, height - 8);
  c.lineTo(8 + metres * scale, height - 8);
  c.stroke();
  c.fillStyle = colour('text');
  c.textAlign = 'left';
  c.textBaseline = 'alphabetic';
  c.fillText(`${metres} m`, 8, height - 13);
}

function describe(view, scene, points, row) {
  const { store } = view;
  const goal = (scene.landmarks ?? []).find((mark) => mark.goal);
  const [x, y, z] = store.read(row, 'position');
  const texts = [];
  const drives = store.about.pilot?.drives;
  if (goal && Number.isFinite(x)) {
    const distance = number(Math.hypot(goal.position[0] - x, goal.position[1] - y), 1);
    texts.push(`${distance} m to the target${drives ? ' in a straight line' : ''}`);
  }
  if (Number.isFinite(z) && !drives) texts.push(`height ${number(z, 1)} m`);
  if (Number.isFinite(store.value(row, 'speed'))) texts.push(`${number(store.value(row, 'speed'), 1)} m/s`);
  setText(note, texts.join(', '));
  canvas.setAttribute('aria-label', `The path from above: ${texts.join(', ') || 'no odometry'}`);
  const entries = [['path', 'accent'], ['path while the picture is unlike training', 'novel']];
  if ((scene.discs ?? []).length || scene.cloud) entries.push(['obstacles', 'tree']);
  if ((scene.lines ?? []).some((line) => line.width_m > 0)) entries.push(['road', 'road']);
  if (goal) entries.push(['target', 'motor']);
  legend(document.getElementById('above-legend'), entries);
}
