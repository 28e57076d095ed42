'use strict';
const { randomUUID } = require('crypto');
const express = require('express');
const { sessionManager } = require('../services/sessionManager');
const { whatsappService } = require('../services/whatsappService');

/* Tests shorten it; zapw waits 30 s. */
const waitMs = () => Number(process.env.STANDIN_QR_WAIT_MS || 300);

const router = express.Router();
exports.sessionsController = router;

router.get('/', (req, res) => send(res, 200, { status: 'success', data: sessionManager.getAllSessions() }));
router.post('/', (req, res, next) => create(req.body.sessionId || randomUUID(), res).catch(next));
router.delete('/:sessionId', (req, res, next) => remove(req.params.sessionId, res).catch(next));

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
