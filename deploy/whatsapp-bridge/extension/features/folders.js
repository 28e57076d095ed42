'use strict';
/*
 * A session's folder is named by its id, so zapw may make or remove a folder for a well-formed id only, whichever
 * route the id came by. ids.js refuses others with an answer; this is the wall behind it.
 */
const { isId } = require('../lib/ids');

function start(bridge) {
  const { sessionManager } = bridge.need('services/sessionManager', 'sessionManager.createSession');
  const { persistenceAdapter: adapter } = bridge.need('adapters/persistenceAdapter',
    'persistenceAdapter.deleteSessionAuth');

  bridge.wrap(sessionManager, 'createSession', (create) => async (id) => {
    if (id && !isId(id)) throw new Error('the session id is not 1 to 64 letters, digits, "_" or "-"');
    return create.call(sessionManager, id);
  });

  bridge.wrap(adapter, 'deleteSessionAuth', (remove) => async (id) => {
    if (isId(id)) return remove.call(adapter, id);
    return bridge.log.warn('folder-refused', 'a folder outside of the session volume was to be removed', { session: id });
  });
}

module.exports = { start };
