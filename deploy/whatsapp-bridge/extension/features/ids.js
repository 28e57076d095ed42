'use strict';
/*
 * Session ids are [A-Za-z0-9_-]{1,64} on every route. zapw itself takes "../evil", makes that folder, and removes
 * it recursively on DELETE.
 */
const { refuse } = require('../door');
const { isId, decode } = require('../lib/ids');

const WORDS = 'A session id is 1 to 64 letters, digits, "_" or "-"';

function start(bridge) {
  /* Express takes several slashes for one, and paths in any case. */
  bridge.http.first(null, /^\/+sessions\/+([^/]+)/i, (req, res, next, [, segment]) =>
    isId(decode(segment)) ? next() : refuse(res, 400, WORDS));

  bridge.http.first('POST', /^\/+sessions\/*$/i, (req, res, next) => {
    const { sessionId, id } = req.body || {};
    const asked = sessionId || id; // zapw makes an id up where there is none
    return !asked || isId(asked) ? next() : refuse(res, 400, WORDS);
  });
}

module.exports = { start };
