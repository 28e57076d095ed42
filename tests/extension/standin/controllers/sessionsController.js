'use strict';
const { randomUUID } = require('crypto');
const { sessionManager } = require('../services/sessionManager');
const { whatsappService } = require('../services/whatsappService');

/* Tests shorten it; zapw waits 30 s. */
const waitMs = () => Number(process.env.STANDIN_QR_WAIT_MS || 300);

exports.sessionsController = async (req, res, next) => {
  const [, first, id, more] = req.url.split('/').map(decodeURIComponent);
  if (first !== 'sessions' || more) return next();
  if (req.method === 'GET' && !id)
    return send(res, 200, { status: 'success', data: sessionManager.getAllSessions() });
  if (req.method === 'POST' && !id) return create(req.body.sessionId || randomUUID(), res);
  if (req.method === 'DELETE') return remove(id, res);
  return next();
};

async function create(id, res) {
  if (sessionManager.getSession(id)) return send(res, 409, fault(`Session ${id} already exists`));
  await sessionManager.createSession(id);
  await whatsappService.initializeSession(id);
  const until = Date.now() + waitMs();
  while (Date.now() < until && !sessionManager.getSession(id)?.qrCode)
    await new Promise((done) => setTimeout(done, 10));
  if (sessionManager.getSession(id)?.qrCode)
    return send(res, 201, { status: 'success', data: sessionManager.getSession(id) });
  await sessionManager.deleteSession(id);
  return send(res, 500, fault('Timeout waiting for QR code'));
}

async function remove(id, res) {
  await whatsappService.terminateSession(id);
  const deleted = await sessionManager.deleteSession(id);
  return deleted ? send(res, 204) : send(res, 404, fault(`Session ${id} not found`));
}

const fault = (error) => ({ status: 'error', error });

function send(res, code, body) {
  res.statusCode = code;
  res.end(body && JSON.stringify(body));
}
