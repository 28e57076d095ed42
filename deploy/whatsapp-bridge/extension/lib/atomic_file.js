'use strict';
/*
 * A file that is written whole: temporary file, fsync, rename. Writes follow one another; those asked for while one
 * runs become a single one after it, with the content of that moment.
 */
const fs = require('fs/promises');

class AtomicFile {
  constructor(path) {
    this.path = path;
    this.running = Promise.resolve();
    this.next = null;
  }

  /* @content() gives the text when its turn comes. The promise ends when a write begun after this call is on disk. */
  save(content) {
    this.content = content;
    this.next ??= this.queue();
    return this.next;
  }

  queue() {
    const turn = this.running.then(() => {
      this.next = null;
      return this.write(this.content());
    });
    this.running = turn.catch(() => {}); // the caller is told; the next write has its own chance
    return turn;
  }

  async write(text) {
    const temporary = `${this.path}.tmp`;
    const file = await fs.open(temporary, 'w', 0o600);
    try {
      await file.writeFile(text);
      await file.sync();
    } finally {
      await file.close();
    }
    await fs.rename(temporary, this.path);
  }
}

module.exports = { AtomicFile };
