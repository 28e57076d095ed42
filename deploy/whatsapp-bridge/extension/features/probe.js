'use strict';
/*
 * POST /extension/probe: sends one zapkeep.probe event the way every webhook goes, so that `zapkeep doctor` sees
 * whether it arrives. The answer carries the nonce by which it is known.
 */
const crypto = require('crypto');
const { answer } = require('../door');

const PROBE_ID = 'zapkeep-probe'; // of no session

function start(bridge) {
  const { webhookAdapter } = bridge.need('adapters/webhookAdapter', 'webhookAdapter.sendEvent');

  bridge.http.last('POST', /^\/extension\/probe\/?$/i, (req, res) => {
    const nonce = crypto.randomBytes(8).toString('hex');
    const event = { sessionId: PROBE_ID, origin: PROBE_ID, eventType: 'zapkeep.probe', timestamp: Date.now(), data: { nonce } };
    Promise.resolve(webhookAdapter.sendEvent(event)).catch((error) =>
      bridge.log.warn('probe', `the probe could not be sent: ${error.message}`));
    answer(res, 202, { nonce });
  });
}

module.exports = { start };
