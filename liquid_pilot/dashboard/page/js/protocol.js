// The line to the server: plain data, records, and the newest record over a websocket.

const TOO_MANY = 1013; // Code with which the server closes the line of a page too many.
const token = takeToken();

function takeToken() {
  const match = /(?:^#|&)token=([\w-]+)/.exec(location.hash);
  if (match) {
    // It stays in this tab, and not in the address, which people copy.
    sessionStorage.setItem('token', match[1]);
    history.replaceState(null, '', location.pathname);
  }
  return sessionStorage.getItem('token') ?? '';
}

function headers() {
  return token ? { Authorization: `Bearer ${token}` } : {};
}

export class RefusedError extends Error {}

async function get(path) {
  const response = await fetch(path, { headers: headers() });
  if (response.status === 401) throw new RefusedError('the token is missing or wrong');
  if (!response.ok) throw new Error(`${path}: ${response.status}`);
  return response;
}

export const about = async () => (await get('/api/about')).json();
export const scene = async (mission) => (await get(`/api/scene/${mission}`)).json();
export const history_ = async (after) =>
  unpack(await (await get(`/api/history?after=${after}`)).arrayBuffer());

// The message of a record; null where the server keeps it no more.
export async function record(number, maps) {
  const query = maps.map((map) => map.join(':')).join(',');
  const path = `/api/record/${number}?maps=${encodeURIComponent(query)}`;
  const response = await get(path);
  return response.status === 204 ? null : unpack(await response.arrayBuffer());
}

export async function stop() {
  const response = await fetch('/api/stop', {
    method: 'POST',
    headers: { ...headers(), 'Content-Type': 'application/json' },
    body: '{}',
  });
  if (!response.ok) return { success: false, message: (await response.text()).trim() };
  return response.json();
}

// A header of plain data, and blocks: arrays of numbers, or bytes of a JPEG.
export function unpack(buffer) {
  const length = new DataView(buffer).getUint32(0, true);
  const header = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 4, length)));
  const blocks = {};
  for (const [name, kind, offset, size] of header.blocks) {
    const start = 4 + length + offset;
    if (kind === 'f4') blocks[name] = new Float32Array(buffer, start, size / 4);
    else if (kind === 'f8') blocks[name] = new Float64Array(buffer, start, size / 8);
    else blocks[name] = new Uint8Array(buffer, start, size);
  }
  return { ...header, blocks };
}

const wait = (milliseconds) => new Promise((done) => { setTimeout(done, milliseconds); });
const seen = () => new Promise((done) => {
  if (document.hidden) document.addEventListener('visibilitychange', () => done(seen()), { once: true });
  else done();
});
const isServed = () => get('/api/about').then(() => true, (error) => error instanceof RefusedError);

// A websocket that comes back by itself. The callbacks get the records and the state in a word; of
// a server that has taken its leave also what it said. A page that nobody sees then waits, because
// the next flight may open one of its own.
export class Line {
  constructor(onRecord, onState) {
    this.onRecord = onRecord;
    this.onState = onState;
    this.request = { maps: [], paused: false, hidden: false };
    this.delay = 300;
    this.farewell = '';
    this.open();
  }

  open() {
    const scheme = location.protocol === 'https:' ? 'wss' : 'ws';
    this.socket = new WebSocket(`${scheme}://${location.host}/live`);
    this.socket.binaryType = 'arraybuffer';
    this.socket.onopen = () => {
      this.farewell = '';
      if (token) this.socket.send(token);
      this.socket.send(JSON.stringify(this.request));
      this.onState('open');
    };
    this.socket.onmessage = (event) => {
      this.delay = 300;
      this.onRecord(unpack(event.data));
    };
    this.socket.onclose = (event) => {
      if (event.code === 1001 && event.reason) this.farewell = event.reason;
      this.onState(event.code === TOO_MANY ? 'full' : 'closed', this.farewell);
      this.again();
    };
  }

  async again() {
    if (this.farewell) {
      do {
        await wait(700);
        await seen();
      } while (!(await isServed()));
    } else {
      await wait(this.delay);
      this.delay = Math.min(this.delay * 1.6, 3000);
    }
    this.open();
  }

  ask(request) {
    const next = { ...this.request, ...request };
    if (JSON.stringify(next) === JSON.stringify(this.request)) return;
    this.request = next;
    if (this.socket.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify(next));
  }
}
