'use strict';
/*
 * POST /sessions/:id/reconnect: a new connection with the credentials that are there, so a paired session needs no
 * new QR. Answers when the attempt was started:
 *
 *   200 {"id","status","reconnect":"started"}       a new attempt
 *   200 {"id","status","reconnect":"under way"}     one is running already, nothing was done
 *   200 {"id","status","reconnect":"not needed"}    it is connected, nothing was done
 *   404, 500                                        in zapw's shape of an error
 */
const { answer, refuse } = require('../door');
const { decode } = require('../lib/ids');
const { retire } = require('../lib/clients');

/* A connection attempt of Baileys gives up after 20 s; one that has shown nothing for this long is stuck. */
const STUCK_MS = 60 * 1000;

function start(bridge) {
  const { sessionManager } = bridge.need('services/sessionManager', 'sessionManager.getSession');
  const { whatsappService: service } = bridge.need('services/whatsappService', 'whatsappService.initializeSession',
    'whatsappService.terminateSession', 'whatsappService.getClient', 'whatsappService.isSessionConnected');
  const running = new Map(); // id -> promise of an attempt that is being started
  const begun = new WeakMap(); // client -> when it was started, by whomever

  bridge.wrap(service, 'initializeSession', (initialize) => async (id) => {
    await initialize.call(service, id);
    const client = service.getClient(id);
    if (client && !begun.has(client)) begun.set(client, Date.now());
  });

  async function attempt(id) {
    await retire(service, id);
    await service.initializeSession(id);
  }

  function attemptOnce(id) {
    if (!running.has(id)) running.set(id, attempt(id).finally(() => running.delete(id)));
    return running.get(id);
  }

  bridge.http.last('POST', /^\/sessions\/([^/]+)\/reconnect\/?$/i, async (req, res, next, [, segment]) => {
    const id = decode(segment);
    const say = (code, reconnect) =>
      answer(res, code, { id, status: sessionManager.getSession(id)?.status, reconnect });
    try {
      const session = sessionManager.getSession(id);
      if (!session) return refuse(res, 404, `Session ${id} not found`);
      if (session.status === 'connected' && service.isSessionConnected(id)) return say(200, 'not needed');
      const first = !running.has(id);
      const client = service.getClient(id);
      if (first && isUnderWay(session, client, begun.get(client))) return say(200, 'under way');
      await attemptOnce(id);
      return say(200, first ? 'started' : 'under way');
    } catch (error) {
      bridge.log.error('reconnect', error.message, { session: id });
      return refuse(res, 500, 'Failed to reconnect session');
    }
  });
}

/* Starting it anew would only throw away the progress. */
function isUnderWay(session, client, begunAt) {
  if (!client || client.getConnectionState() === 'closed') return false;
  if (session.status === 'qr_waiting') return new Date() < session.qrExpiresAt;
  return session.status === 'connecting' && Date.now() - (begunAt ?? 0) < STUCK_MS;
}

module.exports = { start };
