'use strict';
/*
 * Webhooks that arrive: every event gets an id, is spooled to the session volume, and is sent in the order of its
 * session until the receiver takes it. zapw's own way is three tries within 3 s, without a token.
 */
const path = require('path');
const { newEventId } = require('../lib/event_id');
const { Spool } = require('../lib/spool');
const { Sender } = require('../lib/sender');

/* A day of a busy bridge (one event a second), and a size that a small volume can spare. */
const SPOOL_EVENTS = 100 * 1000;
const SPOOL_BYTES = 100 * 1024 * 1024;

function start(bridge) {
  const { webhookAdapter } = bridge.need('adapters/webhookAdapter', 'webhookAdapter.sendEvent');
  const { env, log, notes } = bridge;
  const spool = new Spool(path.join(bridge.ownPath, 'spool'), {
    log,
    maxEvents: Number(env.WEBHOOK_SPOOL_EVENTS) || SPOOL_EVENTS,
    maxBytes: Number(env.WEBHOOK_SPOOL_BYTES) || SPOOL_BYTES,
  });
  const sender = new Sender({ spool, log, url: env.WEBHOOK_URL, token: firstToken(env.WEBHOOK_AUTH_TOKEN) });
  const show = shower(bridge);
  const enabled = env.ENABLE_WEBHOOK === 'true';

  bridge.wrap(webhookAdapter, 'sendEvent', () => async (event) => {
    show(event);
    const { url, events } = notes.get(event.sessionId).webhook ?? {};
    if (!enabled || !(url || env.WEBHOOK_URL)) return;
    if (events?.length && !events.includes(event.eventType)) return;
    const id = newEventId();
    sender.add(event.sessionId, { id, eventType: event.eventType, url, body: JSON.stringify({ ...event, id }) });
  });

  bridge.about.spool = spool.counts;
  if (enabled) sender.resume();
}

/* Kinds that are not zapw's own: for the receiver only, not for the last ten of zapw's GET /events. */
const OURS = ['session.qr', 'zapkeep.probe'];

function shower(bridge) {
  try {
    const { storeWebhookEvent } = bridge.need('controllers/eventsController', 'storeWebhookEvent');
    return ({ sessionId, eventType, data }) =>
      OURS.includes(eventType) || storeWebhookEvent(sessionId, eventType, data);
  } catch {
    return () => {};
  }
}

/* The receiver may know two tokens, comma-separated, while one takes the other's place: the first is the new one. */
function firstToken(text = '') {
  return text.split(',')[0].trim();
}

module.exports = { start };
