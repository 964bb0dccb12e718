// Rates, ages and delays, as the nodes report them.

import { setText } from './draw.js';

const body = document.querySelector('#health tbody');
const seen = new Set();
const ORDER = ['pilot', 'camera', 'IMU', 'guard', 'adaptation', 'lesson', 'simulator', 'gazebo', 'scene', 'recorder'];

function rate(values, name) {
  const value = Number(values[name]);
  return Number.isFinite(value) && values[name] !== undefined ? `${value.toFixed(1)} Hz` : '';
}

function span(values, name, words) {
  const [median, late] = [Number(values[`${name}_p50_ms`]), Number(values[`${name}_p99_ms`])];
  if (!Number.isFinite(median) || !Number.isFinite(late) || !(median > 0)) return '';
  return `${words} ${median.toFixed(1)} ms, p99 ${late.toFixed(1)} ms`;
}

function age(values, name, words) {
  const value = Number(values[name]);
  return Number.isFinite(value) && values[name] !== undefined ? `${words} ${(1e3 * value).toFixed(0)} ms old` : '';
}

function lines(status) {
  const found = {};
  for (const [name, report] of Object.entries(status)) {
    const { values, level, message } = report;
    const texts = [values.state ?? ''];
    if (name === 'pilot') {
      texts.push(rate(values, 'rate_hz'), span(values, 'latency', 'a tick takes'));
      found.camera = { level: 0, text: [rate(values, 'camera_rate_hz') || 'no frames', age(values, 'frame_age_s', 'frames are'), values.trained_rate_hz ? `trained at ${Number(values.trained_rate_hz)} Hz` : ''] };
      found.IMU = { level: 0, text: [rate(values, 'imu_rate_hz') || 'no samples', age(values, 'imu_age_s', 'samples are')] };
    } else if (name === 'guard') {
      texts.push(rate(values, 'rate_hz'), span(values, 'frame_to_vehicle', 'frame to vehicle'));
    } else if (name === 'recorder') {
      texts.push(`${values.messages ?? '?'} messages`);
    } else {
      texts.push(rate(values, 'rate_hz'), span(values, 'latency', 'takes'));
    }
    if (name === 'adaptation' && values.lesson) {
      found.lesson = { level: 0, text: [`${values.lesson}: taught ${values.lesson_taught_s} s`, values.lesson_learned, `flies with: ${values.lesson_flies}`] };
    }
    if (level) texts.push(message);
    found[name] = { level, text: texts };
  }
  return found;
}

// Another flight may have other nodes.
export function forget() {
  seen.clear();
}

export function render(view) {
  const found = lines(view.status);
  for (const name of Object.keys(view.status)) seen.add(name);
  for (const name of seen) found[name] ??= { level: 2, text: ['does not report'] };
  const names = [...ORDER.filter((name) => found[name]), ...Object.keys(found).filter((name) => !ORDER.includes(name))];
  while (body.rows.length > names.length) body.deleteRow(-1);
  names.forEach((name, k) => {
    const row = body.rows[k] ?? body.insertRow();
    if (!row.cells.length) row.innerHTML = '<th scope="row"></th><td></td>';
    const { level, text } = found[name];
    setText(row.cells[0], name);
    setText(row.cells[1], text.filter(Boolean).join(', '));
    row.cells[1].className = ['', 'warn', 'bad'][level] ?? 'bad';
    row.dataset.name = name;
  });
}
