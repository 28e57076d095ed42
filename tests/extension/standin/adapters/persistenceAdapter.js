'use strict';
const fs = require('fs/promises');
const path = require('path');

/* Read, change, write, without a lock; an unreadable file is an empty one. */
class PersistenceAdapter {
  sessionsDir = path.resolve(process.env.SESSIONS_DATA_PATH);
  metadataFile = path.join(this.sessionsDir, 'sessions-metadata.json');

  async initialize() {
    await fs.mkdir(this.sessionsDir, { recursive: true });
  }

  async load() {
    return fs
      .readFile(this.metadataFile, 'utf8')
      .then(JSON.parse)
      .catch(() => ({}));
  }

  async saveSessionMetadata(entry) {
    const all = await this.load();
    all[entry.id] = entry;
    await fs.writeFile(this.metadataFile, JSON.stringify(all));
  }

  async removeSessionMetadata(id) {
    const all = await this.load();
    delete all[id];
    await fs.writeFile(this.metadataFile, JSON.stringify(all));
  }

  async getAllSessions() {
    return Object.values(await this.load());
  }

  async sessionAuthExists(id) {
    return fs.access(path.join(this.sessionsDir, id)).then(
      () => true,
      () => false,
    );
  }

  async deleteSessionAuth(id) {
    await fs.rm(path.join(this.sessionsDir, id), { recursive: true, force: true });
  }
}

exports.persistenceAdapter = new PersistenceAdapter();
