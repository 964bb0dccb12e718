// What the page knows: the description of the pilot, the rows of all records, and the events.

// Most bytes of records that are kept whole, with their pictures.
const KEPT_BYTES = 128e6;

export class Store {
  constructor() {
    this.about = null;
    this.clear();
  }

  clear() {
    this.numbers = [];
    this.times = [];
    this.rows = [];
    this.events = [];
    this.keys = new Set();
    this.kept = new Map();
    this.keptBytes = 0;
  }

  describe(about) {
    this.about = about;
    this.slices = {};
    let start = 0;
    for (const [name, size] of Object.entries(about.fields)) {
      this.slices[name] = [start, start + size];
      start += size;
    }
    this.columns = start;
  }

  get length() {
    return this.times.length;
  }

  get last() {
    return this.length ? this.numbers[this.length - 1] : 0;
  }

  // Keep as much as the server does, so that a page may stay open for days.
  trim(seconds) {
    const limit = this.times[this.length - 1] - seconds;
    let count = 0;
    while (count < this.length && this.times[count] < limit) count++;
    if (count < 200) return;
    for (const list of [this.numbers, this.times, this.rows]) list.splice(0, count);
    const first = this.times[0];
    this.events = this.events.filter((event) => event.time_s >= first);
  }

  add(number, time, row) {
    if (number <= this.last) return;
    this.numbers.push(number);
    this.times.push(time);
    this.rows.push(row);
  }

  // Keep a whole record, so that it can be shown when what served it has gone.
  keep(message) {
    const size = (each) => each.blocks.row.buffer.byteLength;
    if (this.kept.has(message.number)) this.keptBytes -= size(this.kept.get(message.number));
    this.kept.set(message.number, message);
    this.keptBytes += size(message);
    for (const [number, oldest] of this.kept) {
      if (this.keptBytes <= KEPT_BYTES) break;
      this.kept.delete(number);
      this.keptBytes -= size(oldest);
    }
  }

  // Time of the newest record of a tick; of the newest record where there is none.
  get lastTick() {
    for (let k = this.length - 1; k >= 0; k--) {
      if (Number.isFinite(this.value(this.rows[k], 'sequence'))) return this.times[k];
    }
    return this.times[this.length - 1] ?? 0;
  }

  addHistory(message) {
    const { numbers, times, rows } = message.blocks;
    for (let k = 0; k < numbers.length; k++) {
      this.add(numbers[k], times[k], rows.slice(k * message.columns, (k + 1) * message.columns));
    }
    this.addEvents(message.events);
  }

  addEvents(events) {
    for (const event of events) {
      const key = `${event.time_s} ${event.text}`;
      if (this.keys.has(key)) continue;
      this.keys.add(key);
      this.events.push(event);
    }
    if (events.length) this.events.sort((a, b) => a.time_s - b.time_s);
  }

  read(row, name) {
    const [start, end] = this.slices[name];
    return row.subarray(start, end);
  }

  value(row, name, index = 0) {
    return row[this.slices[name][0] + index];
  }

  gate(row, name) {
    return this.value(row, 'gate', this.about.gate_fields.indexOf(name));
  }

  // Index of the record at or before a time; 0 where all are later.
  indexAt(time) {
    let low = 0;
    let high = this.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.times[middle] <= time) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  // The newest row at or before an index in which a value is there. Records between two ticks have
  // none of a tick; what is older than a second is not shown.
  rowWith(index, name) {
    for (let k = index; k >= 0 && this.times[index] - this.times[k] < 1.0; k--) {
      if (Number.isFinite(this.value(this.rows[k], name))) return this.rows[k];
    }
    return null;
  }
}
