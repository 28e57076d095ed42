'use strict';
/*
 * Messages that arrived while the session was down. Baileys hands them out after the reconnect with the type
 * "append", which zapw leaves out: a downtime is silent loss. Here they become message.received with
 * "offline":true, if they are not older than the downtime.
 *
 * How long it lasted: `seenAt` in the notes says until when the session surely received. It moves on while the
 * session is connected and has got its backlog, so a crash leaves it at most a minute early, which is the safe side.
 */
const SEEN_EVERY_MS = 60 * 1000;
/* WhatsApp's clock and ours may differ. */
const SLACK_MS = 5 * 60 * 1000;
/* Without content, but news all the same: not decrypted (yet), and missed calls. Others tell of group settings. */
const STUBS = new Set([2, 40, 41, 45, 46]);

function start(bridge) {
  const { sessionManager } = bridge.need('services/sessionManager', 'sessionManager.getSession');
  const callbacks = new WeakMap();
  const receiving = new Set(); // ids of sessions that are connected and have got their backlog

  const { BaileysClient } = bridge.need('adapters/whatsappAdapter', 'BaileysClient.prototype.onMessageReceived',
    'BaileysClient.prototype.parseMessage', 'BaileysClient.prototype.connect');
  bridge.wrap(BaileysClient.prototype, 'onMessageReceived', (listen) => function keep(callback) {
    callbacks.set(this, callback);
    return listen.call(this, callback);
  });

  bridge.onSocket((client, socket) => {
    const id = client.sessionId;
    const since = downSince(id);

    socket.ev.on('messages.upsert', ({ messages, type }) => {
      if (type !== 'append') return;
      for (const message of messages) if (isMissed(message, since)) emit(client, socket, message);
    });
    socket.ev.on('connection.update', ({ connection, receivedPendingNotifications }) => {
      if (receivedPendingNotifications) receiving.add(id);
      if (connection === 'close' && receiving.delete(id)) bridge.notes.set(id, { seenAt: Date.now() });
    });
  });

  function downSince(id) {
    const since = bridge.notes.get(id).seenAt ?? sessionManager.getSession(id)?.createdAt ?? Date.now();
    return Number(since) - SLACK_MS;
  }

  function emit(client, socket, message) {
    const reader = Object.create(client, { socket: { value: socket } }); // the client's own goes when it is closed
    try {
      callbacks.get(client)?.({ ...reader.parseMessage(message), offline: true });
    } catch (error) {
      bridge.log.error('offline-lost', error.message, { session: client.sessionId, message: message.key?.id });
    }
  }

  setInterval(() => {
    for (const id of receiving) bridge.notes.set(id, { seenAt: Date.now() });
  }, SEEN_EVERY_MS).unref();
}

/* A message to us, not older than @since (ms). */
function isMissed({ key, message, messageStubType, messageTimestamp }, since) {
  if (key.fromMe) return false; // what we sent comes as "append" too
  if (!message && !STUBS.has(messageStubType)) return false;
  const at = (messageTimestamp?.toNumber?.() ?? Number(messageTimestamp)) * 1000;
  return !(at < since); // one without a time passes
}

module.exports = { start, isMissed };
