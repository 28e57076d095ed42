'use strict';
/*
 * zapw's POST /sessions removes the session's credentials when neither a QR nor a connection came within 30 s, also
 * those of a phone that was paired long ago. Only DELETE may do that.
 */
const { decode } = require('../lib/ids');
const { readPairing } = require('../lib/pairing');

function start(bridge) {
  const { persistenceAdapter: adapter } = bridge.need('adapters/persistenceAdapter',
    'persistenceAdapter.deleteSessionAuth');
  const deleting = new Set();

  bridge.http.first('DELETE', /^\/sessions\/([^/]+)\/?$/i, (req, res, next, [, segment]) => {
    const id = decode(segment);
    deleting.add(id);
    res.once('close', () => deleting.delete(id));
    return next();
  });

  bridge.wrap(adapter, 'deleteSessionAuth', (remove) => async (id) => {
    if (deleting.has(id) || !(await readPairing(bridge.dataPath, id))) return remove.call(adapter, id);
    return bridge.log.warn('pairing-kept', 'the session could not be started; its credentials are kept',
      { session: id });
  });
}

module.exports = { start };
