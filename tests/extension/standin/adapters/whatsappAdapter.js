'use strict';
const path = require('path');
const { makeSocket } = require('@whiskeysockets/baileys');

class BaileysClient {
  state = 'closed';
  on = {};

  constructor(sessionId) {
    this.sessionId = sessionId;
  }

  async connect() {
    await Promise.resolve(); // reads credentials
    this.socket = makeSocket({ dir: path.join(process.env.SESSIONS_DATA_PATH, this.sessionId) });
    this.state = 'connecting';
    const { ev, user } = this.socket;
    ev.on('connection.update', ({ connection, lastDisconnect, qr }) => {
      if (qr) this.on.qr(qr);
      if (connection === 'close') {
        this.state = 'closed';
        const reason = lastDisconnect.error;
        this.on.disconnected({ reason, shouldReconnect: reason?.output.statusCode !== 401 });
      }
      if (connection === 'open') {
        this.state = 'open';
        this.on.connected({ phoneNumber: user.id.split(':')[0], name: user.name });
      }
    });
    ev.on('messages.upsert', async ({ messages, type }) => {
      for (const message of messages)
        if (!message.key.fromMe && type === 'notify') this.on.message(this.parseMessage(message));
    });
    ev.on('messages.update', (updates) => updates.forEach((update) => this.on.update(update)));
  }

  async disconnect() {
    this.socket?.end(undefined);
    this.socket = undefined;
    this.state = 'closed';
  }

  parseMessage({ key, message, messageTimestamp }) {
    return {
      from: key.participant || key.remoteJid,
      to: this.socket.user.id,
      messageId: key.id,
      timestamp: messageTimestamp * 1000,
      isGroup: key.remoteJid.endsWith('@g.us'),
      type: message?.conversation && 'text',
      text: message?.conversation,
    };
  }

  getConnectionState() {
    return this.state;
  }

  onQR(callback) {
    this.on.qr = callback;
  }

  onConnected(callback) {
    this.on.connected = callback;
  }

  onDisconnected(callback) {
    this.on.disconnected = callback;
  }

  onMessageReceived(callback) {
    this.on.message = callback;
  }

  onMessageStatusUpdate(callback) {
    this.on.update = callback;
  }
}

exports.BaileysClient = BaileysClient;
