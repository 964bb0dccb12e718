// The list of events, the newest first.

import { clock } from './draw.js';

const list = document.getElementById('events');
const MOST = 100;
let key = '';
let current = null;

export function render(view) {
  const { store, time } = view;
  const events = store.events.slice(-MOST).reverse();
  const newest = events[0];
  const next = `${events.length} ${newest?.time_s} ${newest?.text}`;
  if (next !== key) {
    key = next;
    list.replaceChildren(...events.map((event) => entry(event, view)));
    if (!events.length) list.append(Object.assign(document.createElement('li'), { textContent: 'nothing yet' }));
  }
  let newestPast = null;
  for (const item of list.children) {
    const future = Number(item.dataset.time) > time + 0.05;
    item.classList.toggle('future', future);
    if (!future) newestPast ??= item;
  }
  if (newestPast !== current) {
    current = newestPast;
    // What has just happened is in view, below at most one that is still to come.
    const above = current?.previousElementSibling ?? current;
    if (above) list.scrollTop = above.offsetTop - list.offsetTop;
  }
}

function entry(event, view) {
  const item = document.createElement('li');
  item.className = `${event.kind} level${event.level}`;
  item.dataset.time = event.time_s;
  const button = document.createElement('button');
  button.textContent = clock(event.time_s);
  button.setAttribute('aria-label', `Go to ${clock(event.time_s)}`);
  button.onclick = () => view.seek(event.time_s);
  item.append(button, event.text);
  return item;
}
