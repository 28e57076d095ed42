'use strict';
/*
 * GET /sessions/:id/status: one session without side effects (zapw's GET /sessions/:id may restart a QR round).
 * The status is the contract's word: qr_pending, connecting, connected, disconnected. zapw's own is beside it.
 */
const { answer, refuse } = require('../door');
const { decode } = require('../lib/ids');

function start(bridge) {
  const { sessionManager } = bridge.need('services/sessionManager', 'sessionManager.getSession');

  bridge.http.last('GET', /^\/sessions\/([^/]+)\/status\/?$/i, (req, res, next, [, segment]) => {
    const id = decode(segment);
    const session = sessionManager.getSession(id);
    return session ? answer(res, 200, view(session)) : refuse(res, 404, `Session ${id} not found`);
  });
}

/* zapw's other words are the contract's already. */
const WORDS = { qr_waiting: 'qr_pending', initializing: 'connecting' };

/* Dates become ISO text; what is unknown is left out. */
function view({ id, status, phoneNumber, name, createdAt, connectedAt }) {
  return { id, status: WORDS[status] ?? status, zapwStatus: status, phoneNumber, name, createdAt, connectedAt };
}

module.exports = { start };
