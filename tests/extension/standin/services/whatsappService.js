'use strict';
const { sessionManager } = require('./sessionManager');
const { BaileysClient } = require('../adapters/whatsappAdapter');
const { webhookAdapter } = require('../adapters/webhookAdapter');

/* zapw's own delay before it restarts a session after code 515 is 2 s. */
const RESTART_MS = 200;
const KINDS = { 3: 'message.delivered', 4: 'message.read' };

class WhatsAppService {
  clients = new Map();

  async initialize() {
    for (const { id } of sessionManager.getAllSessions()) await this.initializeSession(id);
  }

  async initializeSession(id) {
    const client = new BaileysClient(id);
    const emit = (eventType, data) => {
      const origin = sessionManager.getSession(id)?.phoneNumber || id;
      return webhookAdapter.sendEvent({ sessionId: id, origin, eventType, timestamp: Date.now(), data });
    };
    client.onQR(async (qr) => {
      const image = await Promise.resolve(`data:image/png;base64,${Buffer.from(qr).toString('base64')}`);
      const qrExpiresAt = new Date(Date.now() + 60 * 1000);
      await sessionManager.updateSession(id, { qrCode: image, qrExpiresAt, status: 'qr_waiting' });
    });
    client.onConnected(async (info) => {
      await sessionManager.updateSession(id, { ...info, status: 'connected', connectedAt: new Date() });
      await emit('session.connected', info);
    });
    client.onDisconnected(async (reason) => {
      if (reason.reason?.output.statusCode === 515) {
        await sessionManager.updateSession(id, { status: 'connecting' });
        this.clients.delete(id);
        setTimeout(() => this.initializeSession(id), RESTART_MS);
        return;
      }
      await sessionManager.updateSession(id, { status: 'disconnected' });
      await emit('session.disconnected', { reason });
      this.clients.delete(id);
    });
    client.onMessageReceived((message) => emit('message.received', message));
    client.onMessageStatusUpdate((update) =>
      emit(KINDS[update.status] ?? 'message.sent', { messageId: update.key?.id, status: update.status }),
    );
    await sessionManager.updateSession(id, { status: 'connecting' });
    await client.connect();
    this.clients.set(id, client);
  }

  async terminateSession(id) {
    const client = this.clients.get(id);
    if (!client) return;
    await client.disconnect();
    this.clients.delete(id);
  }

  getClient(id) {
    return this.clients.get(id);
  }

  isSessionConnected(id) {
    return this.clients.get(id)?.getConnectionState() === 'open';
  }
}

exports.whatsappService = new WhatsAppService();
