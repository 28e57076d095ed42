'use strict';
/*
 * One client per session, however it is started: a reconnect, zapw's own restart 2 s after code 515, or its QR refresh.
 * Two sockets with the same credentials throw each other out (440), and zapw's close handler, which waits for its
 * webhook, may drop the client that was made meanwhile: status "connected", every send fails.
 */
function start(bridge) {
  const { whatsappService: service } = bridge.need('services/whatsappService', 'whatsappService.initializeSession',
    'whatsappService.getClient', 'whatsappService.clients.delete');
  const turns = new Map(); // id -> promise of the newest start

  const isLive = (id) => (service.getClient(id)?.getConnectionState() ?? 'closed') !== 'closed';

  /* Whoever means to drop a client has closed it before; a late handler of an earlier one has not. */
  bridge.wrap(service.clients, 'delete', (remove) => (id) => (isLive(id) ? false : remove.call(service.clients, id)));

  bridge.wrap(service, 'initializeSession', (initialize) => (id) => {
    const turn = (turns.get(id) ?? Promise.resolve())
      .catch(() => {})
      .then(() => (isLive(id) ? undefined : initialize.call(service, id)))
      .finally(() => turns.get(id) === turn && turns.delete(id));
    turns.set(id, turn);
    return turn;
  });
}

module.exports = { start };
