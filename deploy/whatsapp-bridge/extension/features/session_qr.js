'use strict';
/*
 * session.qr events: {"qr": what the phone scans, "qrCode": zapw's PNG data URL of it, "expiresAt": ISO time}.
 * zapw itself shows a QR code to GET only, and says 60 s of every one.
 */
const { silent } = require('../lib/clients');

/* Baileys' own lives of a QR code: the first one, and those that follow on the same socket. */
const FIRST_MS = 60 * 1000;
const NEXT_MS = 20 * 1000;

function start(bridge) {
  const emit = bridge.emitter();
  const { sessionManager } = bridge.need('services/sessionManager', 'sessionManager.getSession');

  for (const kind of bridge.clientClasses('onQR')) {
    bridge.wrap(kind.prototype, 'onQR', (onQR) => function listen(callback) {
      if (callback === silent) return onQR.call(this, callback);
      let lifeMs = FIRST_MS;
      return onQR.call(this, async (qr) => {
        const expiresAt = new Date(Date.now() + lifeMs).toISOString();
        lifeMs = NEXT_MS;
        await callback(qr); // makes the data URL
        const qrCode = sessionManager.getSession(this.sessionId)?.qrCode;
        await emit(this.sessionId, 'session.qr', { qr, qrCode, expiresAt });
      });
    });
  }
}

module.exports = { start };
