'use strict';
/*
 * Events on disk until they are delivered: one file a session, one line an event, in order. A delivered line gets
 * '-' for its first '{', and the file goes with its last line; so a file read at start holds the events still to send,
 * and no second file can disagree with it. Written before it is sent: the death of the process loses nothing.
 * Lines that are older than a second are fsynced, for the death of the machine.
 *
 * Bounded in events and bytes: when it is full, the newest is refused (older events were promised first).
 * Where the disk takes no more, events are kept in memory, within the same bounds.
 */
const fs = require('fs');
const path = require('path');
const { decode, isHttp } = require('./ids');

const SYNC_EVERY_MS = 1000;
/* A file is written anew when this much of it, and more than half, is delivered lines. */
const COMPACT_BYTES = 64 * 1024;
const SUFFIX = '.jsonl';
const DELIVERED = Buffer.from('-');
/* Of an event's id and type: both become headers. */
const NAME = /^[\w.-]{1,128}$/;

class Spool {
  constructor(dir, { maxEvents, maxBytes, log }) {
    Object.assign(this, { dir, maxEvents, maxBytes, log });
    this.queues = new Map(); // session -> {session, file, size, left, entries: [{at, length, record?}], attempt}
    this.counts = { events: 0, bytes: 0, dropped: 0 };
    this.unsynced = new Set();
    fs.mkdirSync(dir, { recursive: true, mode: 0o700 });
    setInterval(() => this.sync(), SYNC_EVERY_MS).unref();
  }

  /* Reads what is there; returns the queues that hold something. */
  load() {
    for (const name of fs.readdirSync(this.dir)) {
      if (!name.endsWith(SUFFIX)) continue;
      const session = decode(name.slice(0, -SUFFIX.length));
      try {
        if (fileOf(session) !== name) throw new Error('no file of a session');
        this.loadFile(this.queue(session));
      } catch (error) {
        this.queues.delete(session);
        this.log.error('spool-unread', 'a file of the spool is left alone', { file: name, fault: error.code ?? error.message });
      }
    }
    if (this.counts.events) this.log.info('spool', 'events of an earlier run are waiting', this.counts);
    return [...this.queues.values()];
  }

  loadFile(queue) {
    const data = fs.readFileSync(queue.file);
    for (let at = 0, end; at < data.length; at = end + 1) {
      end = data.indexOf('\n', at);
      if (end < 0) {
        this.log.error('spool-torn', 'an event was not written whole; it is lost', { session: queue.session });
        fs.truncateSync(queue.file, at);
        break;
      }
      queue.size = end + 1;
      if (data[at] !== DELIVERED[0]) this.note(queue, { at, length: end + 1 - at });
    }
    if (!queue.entries.length) this.remove(queue);
  }

  /* Returns the queue the event is in now, or null when there is no room. */
  add(session, record) {
    const line = Buffer.from(`${JSON.stringify(record)}\n`);
    if (this.counts.events >= this.maxEvents || this.counts.bytes + line.length > this.maxBytes) {
      this.drop(session, record);
      return null;
    }
    const queue = this.queue(session);
    const entry = { at: queue.size, length: line.length };
    try {
      write(queue.file, line, queue.size);
      queue.size += line.length;
      this.unsynced.add(queue);
    } catch (error) {
      this.log.error('spool-unwritten', 'the event is kept in memory only', { session, fault: error.code });
      entry.record = record;
    }
    this.note(queue, entry);
    return queue;
  }

  /* The next event to send, or null. */
  oldest(queue) {
    while (queue.entries.length) {
      const record = this.read(queue, queue.entries[0]);
      if (record) return record;
      this.log.error('spool-unreadable', 'an event can no longer be read; it is lost', { session: queue.session });
      this.removeOldest(queue);
    }
    return null;
  }

  removeOldest(queue) {
    const entry = queue.entries.shift();
    queue.left -= entry.length;
    this.counts.events -= 1;
    this.counts.bytes -= entry.length;
    try {
      if (!queue.entries.length) this.remove(queue);
      else if (!entry.record) this.mark(queue, entry);
    } catch (error) {
      this.log.error('spool-unmarked', 'a delivered event may be sent again after a restart', { fault: error.code });
    }
  }

  queue(session) {
    if (!this.queues.has(session)) {
      const file = path.join(this.dir, fileOf(session));
      this.queues.set(session, { session, file, size: 0, left: 0, entries: [], attempt: 0 });
    }
    return this.queues.get(session);
  }

  note(queue, entry) {
    queue.entries.push(entry);
    queue.left += entry.length;
    this.counts.events += 1;
    this.counts.bytes += entry.length;
  }

  read(queue, entry) {
    if (entry.record) return entry.record;
    const line = Buffer.alloc(entry.length);
    try {
      withFile(queue.file, 'r', (fd) => fs.readSync(fd, line, 0, entry.length, entry.at));
    } catch {
      return null;
    }
    return parse(line);
  }

  mark(queue, entry) {
    write(queue.file, DELIVERED, entry.at);
    if (queue.size - queue.left > COMPACT_BYTES && queue.left < queue.size / 2) this.compact(queue);
  }

  compact(queue) {
    const data = fs.readFileSync(queue.file);
    const onDisk = queue.entries.filter((entry) => !entry.record);
    const temporary = `${queue.file}.tmp`;
    fs.rmSync(temporary, { force: true });
    write(temporary, Buffer.concat(onDisk.map(({ at, length }) => data.subarray(at, at + length))), 0);
    fs.renameSync(temporary, queue.file);
    this.unsynced.add(queue);
    queue.size = 0;
    for (const entry of onDisk) {
      entry.at = queue.size;
      queue.size += entry.length;
    }
  }

  remove(queue) {
    this.queues.delete(queue.session);
    this.unsynced.delete(queue);
    fs.rmSync(queue.file, { force: true });
  }

  drop(session, { id, eventType }) {
    this.counts.dropped += 1;
    this.log.error('spool-full', 'EVENT LOST: the receiver has been away for too long and the spool is full',
      { session, event: id, type: eventType, ...this.counts });
  }

  sync() {
    for (const { file } of this.unsynced) {
      fs.open(file, 'r', (error, fd) => error || fs.fdatasync(fd, () => fs.close(fd, () => {})));
    }
    this.unsynced.clear();
  }
}

function withFile(file, flags, use) {
  const fd = fs.openSync(file, flags, 0o600);
  try {
    return use(fd);
  } finally {
    fs.closeSync(fd);
  }
}

function write(file, data, at) {
  const flags = fs.constants.O_CREAT | fs.constants.O_WRONLY;
  withFile(file, flags, (fd) => {
    if (fs.writeSync(fd, data, 0, data.length, at) !== data.length)
      throw Object.assign(new Error('short write'), { code: 'ENOSPC' });
  });
}

const fileOf = (session) => `${encodeURIComponent(session)}${SUFFIX}`;

/* The file may be another's work: what cannot be sent is no event. */
function parse(line) {
  try {
    const record = JSON.parse(line);
    return isRecord(record) ? record : null;
  } catch {
    return null;
  }
}

function isRecord(record) {
  const { id, eventType, url, body } = record;
  return [id, eventType].every((name) => typeof name === 'string' && NAME.test(name)) && typeof body === 'string' &&
    (url === undefined || isHttp(url));
}

module.exports = { Spool };
