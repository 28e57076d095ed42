'use strict';
const { persistenceAdapter } = require('../adapters/persistenceAdapter');

class SessionManager {
  sessions = new Map();

  async initialize() {
    await persistenceAdapter.initialize();
    for (const entry of await persistenceAdapter.getAllSessions()) {
      if (await persistenceAdapter.sessionAuthExists(entry.id))
        this.sessions.set(entry.id, { ...entry, status: 'disconnected', createdAt: new Date(entry.createdAt) });
      else await persistenceAdapter.removeSessionMetadata(entry.id);
    }
  }

  getSession(id) {
    return this.sessions.get(id) ?? null;
  }

  getAllSessions() {
    return [...this.sessions.values()];
  }

  async createSession(id) {
    this.sessions.set(id, { id, status: 'initializing', createdAt: new Date() });
    await this.persist(id);
  }

  async updateSession(id, changes) {
    if (!this.sessions.has(id)) throw new Error(`Session ${id} not found`);
    this.sessions.set(id, { ...this.sessions.get(id), ...changes });
    await this.persist(id);
  }

  async deleteSession(id) {
    if (!this.sessions.delete(id)) return false;
    await persistenceAdapter.removeSessionMetadata(id);
    await persistenceAdapter.deleteSessionAuth(id);
    return true;
  }

  persist(id) {
    const { phoneNumber, createdAt } = this.sessions.get(id);
    return persistenceAdapter.saveSessionMetadata({ id, phoneNumber, createdAt: createdAt.toISOString() });
  }
}

exports.sessionManager = new SessionManager();
