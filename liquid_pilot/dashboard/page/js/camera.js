// The picture of the pilot, with what drives it or with the time constants laid over it.

import { setText } from './draw.js';

const canvas = document.getElementById('camera');
const note = document.getElementById('camera-note');
const caption = document.getElementById('camera-caption');
const scale = document.getElementById('camera-scale');
const plain = document.getElementById('plain');
const small = document.createElement('canvas');

async function decode(bytes) {
  return createImageBitmap(new Blob([bytes], { type: 'image/jpeg' }));
}

function pixels(bitmap) {
  small.width = bitmap.width;
  small.height = bitmap.height;
  const c = small.getContext('2d', { willReadFrequently: true });
  c.drawImage(bitmap, 0, 0);
  return c.getImageData(0, 0, bitmap.width, bitmap.height);
}

// Grey and dim where nothing counts, in colour where something does (explanation/overlay.py).
function compose(picture, map, colours) {
  const data = picture.data;
  const greys = new Float32Array(data.length / 4);
  for (let k = 0; k < greys.length; k++) {
    greys[k] = 0.299 * data[4 * k] + 0.587 * data[4 * k + 1] + 0.114 * data[4 * k + 2];
  }
  const sorted = Float32Array.from(greys).sort();
  const low = sorted[Math.floor(0.01 * (sorted.length - 1))];
  const span = Math.max(sorted[Math.floor(0.99 * (sorted.length - 1))] - low, 32);
  for (let k = 0; k < greys.length; k++) {
    const grey = Math.min(Math.max((greys[k] - low) / span, 0), 1) * 140 + 20;
    const root = Math.sqrt(map.data[4 * k] / 255);
    const share = 0.7 * root;
    const [red, green, blue] = colours[Math.round(255 * root)];
    data[4 * k] = (1 - share) * grey + share * red;
    data[4 * k + 1] = (1 - share) * grey + share * green;
    data[4 * k + 2] = (1 - share) * grey + share * blue;
  }
}

function drawFilter(c, width, height, taus, pilot) {
  const [rows, columns] = pilot.filter_grid;
  if (!rows || taus.length !== rows * columns) return false;
  c.font = `600 ${Math.max(width / columns / 4.6, 9)}px sans-serif`;
  c.textAlign = 'center';
  c.textBaseline = 'middle';
  taus.forEach((tau, k) => {
    const ratio = tau / pilot.filter_tau_s[k];
    const share = Math.min(Math.max(Math.log(ratio) / 2.2, 0), 1);
    const x = ((k % columns) * width) / columns;
    const y = (Math.floor(k / columns) * height) / rows;
    c.fillStyle = `rgba(230, 159, 0, ${0.08 + 0.72 * share})`;
    c.fillRect(x + 1, y + 1, width / columns - 2, height / rows - 2);
    const text = `×${ratio.toFixed(ratio < 9.95 ? 1 : 0)}`;
    c.lineWidth = 3;
    c.strokeStyle = 'rgba(0, 0, 0, 0.65)';
    c.strokeText(text, x + width / columns / 2, y + height / rows / 2);
    c.fillStyle = '#fff';
    c.fillText(text, x + width / columns / 2, y + height / rows / 2);
  });
  return true;
}

let latest = 0;
let drawnAt = -1e9;

export async function render(view) {
  const { store, record, overlay, map } = view;
  const about = store.about;
  const ticket = ++latest;
  const blocks = record ? record.blocks : {};
  if (!blocks.picture) {
    // A single frame that was lost hides none.
    if (view.live && performance.now() - drawnAt < 1000) return;
    canvas.getContext('2d').clearRect(0, 0, canvas.width, canvas.height);
    plain.getContext('2d').clearRect(0, 0, plain.width, plain.height);
    setText(caption, '');
    const problem = view.status.picture?.message;
    setText(note, problem ?? (view.live ? 'no picture arrives' : 'no picture was kept of this moment'));
    note.hidden = false;
    canvas.dataset.stamp = '';
    return;
  }
  const name = map ? `map:${map[0]}:${map[1]}` : '';
  const wanted = overlay === 'map' && blocks[name];
  const [picture, saliency] = await Promise.all([
    decode(blocks.picture),
    wanted ? decode(blocks[name]) : null,
  ]);
  // A newer one may have been faster.
  if (ticket < latest - 1) return;
  for (const each of [canvas, plain]) each.style.aspectRatio = `${picture.width} / ${picture.height}`;
  drawPlain(picture);
  const width = Math.round(canvas.clientWidth * Math.min(window.devicePixelRatio || 1, 2)) || 640;
  const height = Math.round((width * picture.height) / picture.width);
  if (canvas.width !== width || canvas.height !== height) {
    canvas.width = width;
    canvas.height = height;
  }
  const c = canvas.getContext('2d');
  c.imageSmoothingEnabled = true;
  c.imageSmoothingQuality = 'high';
  if (saliency) {
    const mask = pixels(saliency);
    const base = pixels(picture);
    compose(base, mask, about.colours);
    small.getContext('2d').putImageData(base, 0, 0);
    c.drawImage(small, 0, 0, width, height);
  } else {
    c.drawImage(picture, 0, 0, width, height);
  }
  const filter = overlay === 'filter' && about.pilot
    && drawFilter(c, width, height, blocks.filter_tau, about.pilot);
  canvas.dataset.stamp = record.stamp_ns;
  setText(caption, saliency ? 'what drives it' : filter ? 'temporal filter: slower than trained by' : '');
  canvas.dataset.overlay = saliency ? name : filter ? 'filter' : 'none';
  view.drawn();
  drawnAt = performance.now();
  const row = store.rows[view.index];
  const novel = row && store.gate(row, 'novel') === 1;
  note.hidden = !novel;
  if (novel) setText(note, 'unlike training: this picture is not used, the pilot holds on to the last good one');
  drawScale(saliency, filter, about);
}

function drawPlain(picture) {
  if (!plain.clientWidth) return;
  if (plain.width !== picture.width || plain.height !== picture.height) {
    plain.width = picture.width;
    plain.height = picture.height;
  }
  plain.getContext('2d').drawImage(picture, 0, 0);
}

function drawScale(saliency, filter, about) {
  const key = saliency ? 'map' : filter ? 'filter' : 'none';
  if (scale.dataset.key === key) return;
  scale.dataset.key = key;
  scale.replaceChildren();
  if (key === 'none') return;
  const ramp = document.createElement('canvas');
  ramp.className = 'ramp';
  ramp.width = 128;
  ramp.height = 1;
  const c = ramp.getContext('2d');
  for (let k = 0; k < 128; k++) {
    if (saliency) c.fillStyle = `rgb(${about.colours[2 * k].join(',')})`;
    else c.fillStyle = `rgba(230, 159, 0, ${0.08 + (0.72 * k) / 127})`;
    c.fillRect(k, 0, 1, 1);
  }
  const texts = saliency ? ['matters little', 'matters most'] : ['as trained', 'nine times slower'];
  const [from, to] = texts.map((text) => Object.assign(document.createElement('span'), { textContent: text }));
  scale.append(from, ramp, to);
}

