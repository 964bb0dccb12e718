// The command of the pilot beside the output of the guard, and the state of the guard.

import { number, setText, signed } from './draw.js';

const bars = document.getElementById('command-bars');
const state = document.getElementById('guard-state');
const reasons = document.getElementById('guard-reasons');
const sends = document.getElementById('guard-sends');

export function prepare(about) {
  const maximum = about.pilot?.maximum ?? (about.maximum?.length ? about.maximum : [2.5, 1.5, 1, 1.5]);
  bars.replaceChildren();
  about.commands.forEach(({ name, unit }, k) => {
    if (maximum[k]) add('index', k, name, unit, maximum[k]); // Else the vehicle does not move that way.
  });
  // What only the guard sends, such as an attitude, is shown where it comes.
  about.setpoints.forEach(({ name, unit, maximum: end }, k) => { add('setpoint', k, name, unit, end).hidden = true; });
}

function add(kind, k, name, unit, maximum) {
  const bar = document.createElement('div');
  bar.className = 'bar';
  bar.dataset[kind] = k;
  bar.innerHTML = '<span></span><div class="rail"><i class="wanted"></i><i class="sent"></i></div><output></output>';
  bar.firstChild.textContent = name;
  bar.querySelector('output').dataset.unit = unit;
  bar.dataset.maximum = maximum;
  bars.append(bar);
  return bar;
}

// What is to the left is positive in ROS, and is drawn to the left.
const LEFTWARDS = [1, 3];

function place(element, value, maximum, leftwards = false) {
  const way = leftwards ? -1 : 1;
  const share = Number.isFinite(value) ? Math.min(Math.max((way * value) / maximum, -1), 1) : 0;
  element.style.left = `${50 + 50 * Math.min(share, 0)}%`;
  element.style.width = `${50 * Math.abs(share)}%`;
}

function drawOther(bar, value) {
  bar.hidden = !Number.isFinite(value);
  if (bar.hidden) return;
  place(bar.querySelector('.sent'), value, Number(bar.dataset.maximum));
  const output = bar.querySelector('output');
  const { unit } = output.dataset;
  setText(output, unit === '°' ? `${signed(value, 1)}°` : `${number(value, unit === '%' ? 0 : 1)}\u00a0${unit}`);
  output.dataset.sent = number(value, 4);
}

// In words what the guard sends, where it is not simply the velocity that the pilot wants.
function tellWhatIsSent(about, guard, sent, others) {
  const adapter = guard?.values.adapter;
  const output = about.outputs[adapter];
  let text = '';
  if (adapter && !output) text = `The guard sends by ${adapter}, which this page cannot read.`;
  else if (output && adapter !== 'cmd_vel') {
    const arrives = [...sent, ...others].some(Number.isFinite);
    text = `The guard sends ${output.words}.${arrives ? '' : ' Nothing of it arrives now.'}`;
  }
  setText(sends, text);
}

// Whether the guard changes the pilot's command: true, false, or null where that cannot be told.
export function limits(view, row) {
  const { store, status } = view;
  const [wanted, sent] = [store.read(row, 'wanted'), [...store.read(row, 'sent')]];
  const rotated = store.about.outputs[status.guard?.values.adapter]?.is_rotated;
  const pairs = rotated
    // Its heading is a moment older or younger: of forward and left their length is compared.
    ? [[Math.hypot(wanted[0], wanted[1]), Math.hypot(sent[0], sent[1])], [wanted[2], sent[2]], [wanted[3], sent[3]]]
    : sent.map((value, k) => [wanted[k], value]);
  const known = pairs.filter((pair) => pair.every(Number.isFinite));
  if (known.some(([one, other]) => Math.abs(one - other) > 0.02)) return true;
  return Number.isFinite(sent[0]) ? false : null;
}

export function render(view) {
  const { store, index, status } = view;
  const row = store.rows[index];
  if (!row) return;
  const tick = store.rowWith(index, 'wanted') ?? row;
  const wanted = store.read(tick, 'wanted');
  const sent = store.read(tick, 'sent');
  const others = store.read(tick, 'setpoint');
  for (const bar of bars.children) {
    if (bar.dataset.setpoint !== undefined) {
      drawOther(bar, others[Number(bar.dataset.setpoint)]);
      continue;
    }
    const k = Number(bar.dataset.index);
    place(bar.querySelector('.wanted'), wanted[k], Number(bar.dataset.maximum), LEFTWARDS.includes(k));
    place(bar.querySelector('.sent'), sent[k], Number(bar.dataset.maximum), LEFTWARDS.includes(k));
    const output = bar.querySelector('output');
    // The part that the guard has turned into something else has no other value.
    const answer = !Number.isFinite(sent[k]) && others.some(Number.isFinite) ? '' : ` → ${signed(sent[k])}`;
    setText(output, `${signed(wanted[k])}${answer}\u00a0${output.dataset.unit}`);
    output.dataset.wanted = number(wanted[k], 4);
    output.dataset.sent = number(sent[k], 4);
  }
  const guard = status.guard;
  tellWhatIsSent(store.about, guard, sent, others);
  if (!guard) {
    setText(state, 'no guard reports');
    reasons.replaceChildren();
    return;
  }
  const name = guard.values.state ?? '?';
  const words = store.about.guard_states[name] ?? '';
  setText(state, `${name}: ${words}${guard.values.adapter ? ` (${guard.values.adapter})` : ''}`);
  const texts = Object.entries(guard.values)
    .filter(([key, text]) => key.startsWith('failed_check_') || (key === 'reason' && text))
    .map(([, text]) => text);
  if (guard.level && !texts.includes(guard.message)) texts.unshift(guard.message);
  const key = texts.join('\n');
  if (reasons.dataset.key !== key) {
    reasons.dataset.key = key;
    reasons.replaceChildren(
      ...texts.map((text) => Object.assign(document.createElement('li'), { textContent: text })),
    );
  }
}
