'use strict';
/*
 * POST /sessions {"id","webhook":{"url","events"}}: "id" is zapw's "sessionId"; where the session's events go, and
 * which, is remembered over restarts. zapw answers as it always does; to a body with "id" the fields that the contract's
 * clients read ("id", "qr_code") stand beside its envelope. A body with "sessionId" alone gets zapw's own bytes.
 */
const { randomUUID } = require('crypto');
const { refuse } = require('../door');
const { decode, isHttp } = require('../lib/ids');

const EVENTS_MAX = 32; /* there are seven */

function start(bridge) {
  const { sessionManager } = bridge.need('services/sessionManager', 'sessionManager.getSession');
  const { notes } = bridge;

  bridge.http.first('POST', /^\/sessions\/*$/i, (req, res, next) => {
    const body = req.body || {};
    if (!body.id && !body.webhook) return next();
    const wrong = body.webhook && faultOf(body.webhook);
    if (wrong) return refuse(res, 400, wrong);
    body.sessionId ||= body.id || randomUUID();
    if (body.id) besideEnvelope(res);
    if (body.webhook && !sessionManager.getSession(body.sessionId)) remember(res, body.sessionId, body.webhook);
    return next();
  });

  /* Before the session is there, because its first event may come before the answer. */
  function remember(res, id, { url, events }) {
    notes.set(id, { webhook: { url, events } });
    forgetWhenGone(res, id);
  }

  bridge.http.first('DELETE', /^\/sessions\/([^/]+)\/?$/i, (req, res, next, [, segment]) => {
    forgetWhenGone(res, decode(segment));
    return next();
  });

  function forgetWhenGone(res, id) {
    res.once('close', () => {
      if (!sessionManager.getSession(id)) notes.drop(id);
    });
  }
}

/* {"status":"success","data":{…}} gets "id" and "qr_code" at the top. Errors and anything else stay as they are. */
function besideEnvelope(res) {
  const { end } = res;
  res.end = (chunk, ...rest) => {
    res.end = end;
    const more = extended(chunk);
    if (!more) return end.call(res, chunk, ...rest);
    if (res.getHeader('Content-Length') !== undefined) res.setHeader('Content-Length', Buffer.byteLength(more));
    res.removeHeader('ETag');
    return end.call(res, more, 'utf8');
  };
}

function extended(chunk) {
  try {
    const body = JSON.parse(String(chunk));
    const { id, qrCode } = body.data;
    return id ? JSON.stringify({ ...body, id, ...(qrCode && { qr_code: qrCode }) }) : null;
  } catch {
    return null;
  }
}

/* What is wrong with @webhook, in words, or null. */
function faultOf(webhook) {
  if (typeof webhook !== 'object') return 'webhook must be an object';
  const { url, events } = webhook;
  if (url !== undefined && !isHttp(url)) return 'webhook.url must be an http or https URL';
  const list = events ?? [];
  if (!Array.isArray(list) || list.length > EVENTS_MAX || !list.every((name) => typeof name === 'string'))
    return 'webhook.events must be a list of event names';
  return null;
}

module.exports = { start };
