'use strict';
/*
 * Facts that the extension keeps of each session: {webhook: {url, events}, seenAt}. Read once, kept in memory, written
 * after each change. Losing it costs a session's own webhook URL, never a session.
 */
const fs = require('fs');
const path = require('path');
const { AtomicFile } = require('./atomic_file');
const { isHttp } = require('./ids');

class Notes {
  constructor(file, log) {
    this.log = log;
    fs.mkdirSync(path.dirname(file), { recursive: true, mode: 0o700 });
    this.file = new AtomicFile(file);
    this.all = new Map(Object.entries(this.load(file)));
  }

  load(file) {
    try {
      return checked(JSON.parse(fs.readFileSync(file, 'utf8')));
    } catch (error) {
      if (error.code === 'ENOENT') return {};
      fs.renameSync(file, `${file}.unreadable-${Date.now()}`);
      this.log.error('notes-unreadable', 'set aside; sessions use WEBHOOK_URL until created again', { file });
      return {};
    }
  }

  get(id) {
    return this.all.get(id) ?? {};
  }

  set(id, changes) {
    this.all.set(id, { ...this.get(id), ...changes });
    return this.save();
  }

  drop(id) {
    return this.all.delete(id) ? this.save() : Promise.resolve();
  }

  async save() {
    try {
      await this.file.save(() => JSON.stringify(Object.fromEntries(this.all)));
    } catch (error) {
      this.log.error('notes-unsaved', error.message);
    }
  }
}

/* Entries that are none are left out; a file that is no list of entries throws. */
function checked(all) {
  if (all === null || typeof all !== 'object' || Array.isArray(all)) throw new Error('not a list of notes');
  return Object.fromEntries(Object.entries(all).filter(([, note]) => isNote(note)));
}

function isNote(note) {
  const { url, events } = note?.webhook ?? {};
  return note !== null && typeof note === 'object' && (url === undefined || isHttp(url)) &&
    (events === undefined || (Array.isArray(events) && events.every((name) => typeof name === 'string')));
}

module.exports = { Notes };
