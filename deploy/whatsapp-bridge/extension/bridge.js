'use strict';
/*
 * Services that the features share, and the start of all of them.
 *
 *   start        for each row of features.js: start it, or log one line and leave it off
 *   need, wrap   how a feature takes hold of a module of zapw
 *   http         routes behind zapw's own key check (door.js)
 *   emitter      sends an event the way zapw sends its own
 *   onSocket     calls back for each new WhatsApp socket
 *   notes        facts of a session that outlive a restart (lib/notes.js)
 */
const path = require('path');
const { makeLog } = require('./log');
const { Door } = require('./door');
const { Notes } = require('./lib/notes');

const VERSION = 1;

class Bridge {
  constructor({ dist, env, log }) {
    this.dist = dist;
    this.env = env;
    this.log = log;
    this.dataPath = path.resolve(env.SESSIONS_DATA_PATH || 'sessions_data');
    this.ownPath = path.join(this.dataPath, '.zapkeep'); // no session id can hold a dot
    this.features = {};
    this.about = { extension: 'zapkeep', version: VERSION, features: this.features };
    this.notes = new Notes(path.join(this.ownPath, 'sessions.json'), log);
    this.http = new Door(this);
  }

  /* The module dist/@file of zapw with every one of @names ("a.b.c") in it. Throws words for the log. */
  need(file, ...names) {
    let found;
    try {
      found = require(path.join(this.dist, file));
    } catch (error) {
      throw new Error(`zapw's dist/${file} cannot be loaded (${String(error.message).split('\n')[0]})`);
    }
    for (const name of names) {
      if (name.split('.').reduce((at, key) => at?.[key], found) === undefined)
        throw new Error(`zapw's dist/${file} has no ${name}`);
    }
    return found;
  }

  /* Puts make(original) in the place of the function object[name]. */
  wrap(object, name, make) {
    const original = object[name];
    if (typeof original !== 'function') throw new Error(`${name} is no function`);
    object[name] = make(original);
    if (object[name] === original) throw new Error(`${name} cannot be replaced`);
  }

  /* Both kinds of client that zapw can make: for WhatsApp, and its own mock. */
  clientClasses(...methods) {
    const adapter = this.need('adapters/whatsappAdapter', ...methods.map((name) => `BaileysClient.prototype.${name}`));
    return [adapter.BaileysClient, adapter.MockWhatsAppClient].filter(
      (kind) => kind && methods.every((name) => typeof kind.prototype[name] === 'function'));
  }

  /* Returns send(sessionId, eventType, data); a session that is gone sends nothing. */
  emitter() {
    const { sessionManager } = this.need('services/sessionManager', 'sessionManager.getSession');
    const { webhookAdapter } = this.need('adapters/webhookAdapter', 'webhookAdapter.sendEvent');
    return async (sessionId, eventType, data) => {
      const session = sessionManager.getSession(sessionId);
      if (!session) return;
      const origin = session.phoneNumber || sessionId;
      await webhookAdapter.sendEvent({ sessionId, origin, eventType, timestamp: Date.now(), data });
    };
  }

  /* Calls on(client, socket) right after a client of zapw made its socket, before anything has arrived on it. */
  onSocket(on) {
    const { BaileysClient } = this.need('adapters/whatsappAdapter', 'BaileysClient.prototype.connect');
    const { log } = this;
    this.wrap(BaileysClient.prototype, 'connect', (connect) => async function connectAndListen(...args) {
      await connect.apply(this, args);
      if (typeof this.socket?.ev?.on === 'function') on(this, this.socket);
      else log.warn('no-socket', 'the client has no socket to listen on', { session: this.sessionId });
    });
  }
}

function start({ dist, env, log = makeLog(env.LOG_LEVEL), features = require('./features') }) {
  const bridge = new Bridge({ dist, env, log });
  for (const { name, file } of features) bridge.features[name] = startOne(bridge, name, file);
  log.info('ready', 'zapkeep extension', bridge.features);
  if (!env.API_KEY) log.warn('no-key', 'API_KEY is empty: whoever reaches the port commands the sessions');
}

function startOne(bridge, name, file) {
  try {
    require(file).start(bridge);
    return true;
  } catch (error) {
    bridge.log.error('feature-off', error.message, { feature: name });
    return false;
  }
}

module.exports = { start };
