// What the drawings have in common: sharp canvases, colours of the theme, numbers as text.

export function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}

// Size a canvas to its place and return its context, in CSS pixels.
export function context(canvas) {
  const ratio = Math.min(window.devicePixelRatio || 1, 2);
  const width = canvas.clientWidth;
  const height = canvas.clientHeight;
  if (canvas.width !== Math.round(width * ratio) || canvas.height !== Math.round(height * ratio)) {
    canvas.width = Math.round(width * ratio);
    canvas.height = Math.round(height * ratio);
  }
  const c = canvas.getContext('2d');
  c.setTransform(ratio, 0, 0, ratio, 0, 0);
  c.clearRect(0, 0, width, height);
  c.font = `12px ${getComputedStyle(document.body).fontFamily}`;
  return { c, width, height };
}

export function number(value, digits = 2) {
  if (!Number.isFinite(value)) return '–';
  const text = value.toFixed(digits);
  return /^-0\.?0*$/.test(text) ? text.slice(1) : text;
}

export function signed(value, digits = 2) {
  return (value > 0 ? '+' : '') + number(value, digits);
}

export function milliseconds(seconds) {
  const ms = 1e3 * seconds;
  return ms >= 1000 ? `${(ms / 1000).toFixed(1)} s` : `${ms < 10 ? ms.toFixed(1) : ms.toFixed(0)} ms`;
}

export function clock(seconds) {
  const minutes = Math.floor(seconds / 60);
  return `${minutes}:${(seconds - 60 * minutes).toFixed(1).padStart(4, '0')}`;
}

export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

export function legend(element, entries) {
  const key = JSON.stringify(entries);
  if (element.dataset.key === key) return;
  element.dataset.key = key;
  element.replaceChildren(
    ...entries.map(([text, name]) => {
      const span = document.createElement('span');
      span.className = 'key';
      span.textContent = text;
      // The colour is of the box before the text.
      span.style.setProperty('--key', `var(--${name})`);
      return span;
    }),
  );
}
