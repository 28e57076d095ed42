'use strict';
/*
 * Closing a client of zapw on purpose. Its close handler would report a disconnect that nobody has to act on,
 * and, finishing later, drop the client that came after it.
 */
const silent = () => {};

async function retire(service, id) {
  const client = service.getClient(id);
  if (!client) return;
  client.onQR?.(silent);
  client.onConnected?.(silent);
  client.onDisconnected?.(silent);
  await service.terminateSession(id);
}

module.exports = { retire, silent };
