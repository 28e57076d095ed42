'use strict';
/*
 * Sends spooled events. Events of one session go one after the other; sessions go side by side, a few at once.
 *
 *   add      spools an event; its session's queue becomes ready
 *   pump     "if a queue is ready and there is room, send its oldest event": nothing else starts one
 *   settle   delivered: out of the spool, the queue is ready again
 *            not: the queue waits (retry.js), the others go on; when the receiver is back, all that waited for it
 *            are ready at once
 */
const { post } = require('./post');
const { retryDelayMs, isAway } = require('./retry');

/* Enough to keep a receiver busy that syncs its disk before it answers; few enough not to flood it after an outage. */
const IN_FLIGHT_MAX = 8;

class Sender {
  constructor({ spool, log, url, token, send = post, random = Math.random, delayMs = retryDelayMs }) {
    Object.assign(this, { spool, log, url, token, send, random, delayMs });
    this.ready = []; // queues with something to send
    this.waiting = new Map(); // queue -> {timer, url, away}
    this.busy = new Set(); // queues that are ready or being sent
    this.inFlight = 0;
  }

  /* What an earlier life of the bridge left behind. */
  resume() {
    for (const queue of this.spool.load()) this.makeReady(queue);
    this.pump();
  }

  add(session, record) {
    const queue = this.spool.add(session, record);
    if (!queue || this.busy.has(queue) || this.waiting.has(queue)) return;
    this.makeReady(queue);
    this.pump();
  }

  makeReady(queue) {
    clearTimeout(this.waiting.get(queue)?.timer);
    this.waiting.delete(queue);
    this.busy.add(queue);
    this.ready.push(queue);
  }

  pump() {
    while (this.inFlight < IN_FLIGHT_MAX && this.ready.length) {
      this.inFlight += 1;
      this.deliver(this.ready.shift()).finally(() => {
        this.inFlight -= 1;
        this.pump();
      });
    }
  }

  async deliver(queue) {
    const record = this.spool.oldest(queue);
    const url = record?.url || this.url;
    if (!record || !url) return this.busy.delete(queue); // nothing left, or nowhere to send it to in this life
    const answer = await this.send(url, this.headers(record, url), record.body).catch((error) => ({
      status: 0,
      fault: error.code || error.message,
    }));
    return this.settle(queue, record, url, answer);
  }

  headers({ id, eventType }, url) {
    const headers = {
      'Content-Type': 'application/json',
      'User-Agent': 'zapkeep-bridge/1',
      'X-Webhook-Event': eventType,
      'X-Webhook-Id': id,
    };
    if (this.token && isSamePlace(url, this.url)) headers.Authorization = `Bearer ${this.token}`;
    return headers;
  }

  settle(queue, record, url, answer) {
    if (answer.status >= 200 && answer.status < 300) this.settleDelivered(queue, record, url);
    else this.settleFailed(queue, record, url, answer);
  }

  settleDelivered(queue, record, url) {
    const { session } = queue;
    if (queue.attempt) this.log.info('webhook-back', 'delivered after retries', { session, retries: queue.attempt });
    queue.attempt = 0;
    this.spool.removeOldest(queue);
    if (queue.entries.length) this.ready.push(queue);
    else this.busy.delete(queue);
    for (const [other, wait] of this.waiting) if (wait.away && wait.url === url) this.makeReady(other);
  }

  settleFailed(queue, record, url, answer) {
    queue.attempt += 1;
    const delayMs = this.delayMs(queue.attempt, answer, this.random());
    if ((queue.attempt & (queue.attempt - 1)) === 0) { // the 1st, 2nd, 4th, 8th …: an outage must not fill the log
      this.log.warn('webhook-failed', 'will be sent again', {
        session: queue.session, event: record.id, type: record.eventType, status: answer.status,
        fault: answer.fault ?? '', attempt: queue.attempt, next_ms: delayMs, waiting: queue.entries.length });
    }
    const timer = setTimeout(() => {
      this.makeReady(queue);
      this.pump();
    }, delayMs);
    timer.unref();
    this.busy.delete(queue);
    this.waiting.set(queue, { timer, url, away: isAway(answer.status) });
  }
}

/* A session's own webhook URL is the choice of its creator; the token belongs to WEBHOOK_URL's scheme, host and port alone. */
function isSamePlace(url, configured) {
  return Boolean(configured) && new URL(url).origin === new URL(configured).origin;
}

module.exports = { Sender };
