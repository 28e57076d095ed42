'use strict';
/* "evt_", 12 hex digits of the time in ms (so that ids of one time lie together), 20 at random. */
const { randomBytes } = require('crypto');

function newEventId(now = Date.now()) {
  return `evt_${now.toString(16).padStart(12, '0')}${randomBytes(10).toString('hex')}`;
}

module.exports = { newEventId };
