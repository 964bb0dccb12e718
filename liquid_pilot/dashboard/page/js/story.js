// The four sentences at the top: what it sees, what adapts, what it commands, what the guard does.

import { limits } from './commands.js';
import { number, setText } from './draw.js';

function tell(id, level, text) {
  const article = document.getElementById(`story-${id}`);
  if (article.className !== level) article.className = level;
  // A number stays with its sign and its unit.
  setText(article.lastElementChild, text.replace(/ × /g, '\u00a0×\u00a0').replace(/(\d) (m\/s|rad\/s|s\b|%)/g, '$1\u00a0$2'));
}

// Since when a condition has held without a break, up to an index; null where it does not hold.
function since(store, index, holds) {
  let first = null;
  for (let k = index; k >= 0; k--) {
    const row = store.rows[k];
    if (!Number.isFinite(store.value(row, 'sequence'))) continue;
    if (!holds(row)) break;
    first = store.times[k];
  }
  return first;
}

export function render(view) {
  const { store, index } = view;
  const row = store.rowWith(index, 'sequence');
  if (!row) {
    silence(view);
  } else {
    sees(view, row);
    adapts(view, row);
    commands(view, row);
  }
  guard(view);
}

// What is missing where no tick of the pilot arrives, and since when.
function silence(view) {
  const { store, index, status } = view;
  let last = index;
  while (last >= 0 && !Number.isFinite(store.value(store.rows[last], 'sequence'))) last--;
  const ago = last < 0 ? '' : ` The last tick was ${number(store.times[index] - store.times[last], 0)} s ago.`;
  const { pilot } = status;
  const mission = store.events.findLast((event) => event.kind === 'mission' && event.time_s <= store.times[index]);
  if (mission?.text.startsWith('The mission ends')) {
    tell('sees', '', `Nothing: ${mission.text.replace('The mission ends', 'the mission is over')}.`);
    tell('adapts', '', '–');
    tell('commands', '', 'No command.');
    return;
  }
  if (!pilot) {
    tell('sees', 'bad', `No pilot reports: it has ended, or was not started.${ago}`);
  } else if (pilot.level) {
    tell('sees', 'bad', `The pilot does not fly: ${pilot.message}.${ago}`);
  } else {
    tell('sees', 'warn', `No tick of the pilot arrives.${ago}`);
  }
  tell('adapts', '', 'Nothing is known while no tick arrives.');
  tell('commands', 'warn', 'No command.');
}

function farthest(store, row) {
  const names = ['log_distance', 'log_change', 'log_texture'];
  const limits = store.read(row, 'thresholds');
  const ratios = names.map((name, k) => Math.exp(store.gate(row, name) - limits[k]));
  const worst = ratios.indexOf(Math.max(...ratios));
  return { ratio: ratios[worst], name: store.about.distances[worst] };
}

function sees(view, row) {
  const { store, index } = view;
  if (!Number.isFinite(store.gate(row, 'novel'))) {
    tell('sees', 'good', 'It flies as trained, and does not compare what it sees with training.');
    return;
  }
  const { ratio, name } = farthest(store, row);
  const start = since(store, index, (each) => store.gate(each, 'novel') === 1);
  if (start !== null) {
    const lasted = number(store.times[index] - start, 1);
    tell('sees', 'warn', `Unlike training for ${lasted} s: these pictures are not used. ${capital(name)}: ${number(ratio, 1)} × the threshold.`);
  } else if (view.status.adaptation?.values.state === 'slowing') {
    const reason = view.status.adaptation.values.reason.split(/ \(|; /)[0];
    tell('sees', 'warn', `${capital(reason)}. They are used all the same: the novelty gate stands at ${number(ratio, 1)} × its threshold.`);
  } else if (ratio > 1) {
    tell('sees', 'warn', `A new environment, which it has accepted. ${capital(name)}: ${number(ratio, 1)} × the threshold of training.`);
  } else {
    tell('sees', 'good', `What it knows from training (${number(ratio, 1)} × the threshold of what is new).`);
  }
}

function capital(text) {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

function adapts(view, row) {
  const { store } = view;
  const filter = Math.exp(store.value(row, 'filter_scale'));
  const core = Math.exp(store.value(row, 'core_scale'));
  const gain = store.gate(row, 'gain');
  const friction = store.value(row, 'friction');
  if (!Number.isFinite(filter)) {
    tell('adapts', '', 'Nothing: it flies exactly as trained.');
    return;
  }
  const parts = [];
  const slower = (factor) => `${number(Math.max(factor, 1 / factor), 1)} × ${factor > 1 ? 'slower' : 'faster'}`;
  if (Math.abs(filter - 1) > 0.03) parts.push(`its temporal filter is ${slower(filter)}`);
  if (Math.abs(core - 1) > 0.03) parts.push(`its core is ${slower(core)}`);
  if (Math.abs(gain - 1) > 0.03) parts.push(`it ${gain > 1 ? 'raises' : 'lowers'} the contrast to ${number(gain, 2)} ×`);
  if (Number.isFinite(friction) && friction < 0.97) parts.push(`it reckons with ${number(100 * friction, 0)} % of dry grip`);
  // The gate and the photometric match are in the pilot; time constants are learned beside it.
  const reported = view.status.adaptation || !Object.keys(view.status).length;
  const alone = reported ? '' : ' No adaptation node reports, so nothing is learned now.';
  if (parts.length) tell('adapts', 'warn', `Against training, ${parts.join(', ')}.${alone}`);
  else tell('adapts', alone ? 'warn' : 'good', `${alone ? 'All is as trained.' : 'Nothing yet: all is as trained.'}${alone}`);
}

function commands(view, row) {
  const { store } = view;
  const [forward, left, up, yaw] = store.read(row, 'wanted');
  const drives = store.about.pilot?.drives;
  const parts = [`${number(Math.abs(forward), 1)} m/s ${forward < -0.05 ? 'back' : 'forward'}`];
  if (!drives && Math.abs(left) > 0.15) parts.push(`${number(Math.abs(left), 1)} m/s to the ${left > 0 ? 'left' : 'right'}`);
  if (!drives && Math.abs(up) > 0.1) parts.push(`${up > 0 ? 'climbing' : 'sinking'} ${number(Math.abs(up), 1)} m/s`);
  if (Math.abs(yaw) > 0.05) parts.push(`turning ${yaw > 0 ? 'left' : 'right'} at ${number(Math.abs(yaw), 2)} rad/s`);
  const factor = store.gate(row, 'speed_factor');
  const slowed = Number.isFinite(factor) && factor < 0.99;
  if (slowed) parts.push(`slowed to ${number(100 * factor, 0)} % because it cannot see`);
  tell('commands', slowed ? 'warn' : 'good', `${capital(parts.join(', '))}.`);
}

function guard(view) {
  const { store, index, status } = view;
  const report = status.guard;
  if (!report) {
    tell('guard', 'bad', 'No guard reports: nothing is known about it.');
    return;
  }
  const name = report.values.state;
  const level = { engaged: 'good', safe: 'bad', stopped: 'warn', overridden: 'warn' }[name] ?? '';
  const row = store.rowWith(index, 'wanted');
  let text = `${capital(name ?? '?')}: ${store.about.guard_states[name] ?? ''}.`;
  if (row && name === 'engaged') {
    const limited = limits(view, row);
    const output = store.about.outputs[report.values.adapter];
    if (limited) text = "Engaged: it limits the pilot's command.";
    else if (limited === false || !output) text = "Engaged: it passes the pilot's commands on.";
    else text = `Engaged: it turns the pilot's command into ${output.words}.`;
  }
  const reason = report.values.reason;
  tell('guard', level, reason && name !== 'engaged' ? `${text} (${reason})` : text);
}
