'use strict';
/*
 * GET /sessions/:id/status: one session without side effects (zapw's GET /sessions/:id may restart a QR round).
 * The status is zapw's own word.
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

/* Dates become ISO text; what is unknown is left out. */
function view({ id, status, phoneNumber, name, createdAt, connectedAt }) {
  return { id, status, phoneNumber, name, createdAt, connectedAt };
}

module.exports = { start };
