'use strict';
/* The forms of what comes from outside. */

/* A session id, everywhere: it becomes a folder's name, so nothing else may pass. */
const ID = /^[A-Za-z0-9_-]{1,64}$/;

const isId = (value) => typeof value === 'string' && ID.test(value);

/* The text of one path segment, or null where it is not well encoded. */
function decode(segment) {
  try {
    return decodeURIComponent(segment);
  } catch {
    return null;
  }
}

const URL_MAX = 2048;

function isHttp(url) {
  try {
    return typeof url === 'string' && url.length <= URL_MAX && ['http:', 'https:'].includes(new URL(url).protocol);
  } catch {
    return false;
  }
}

module.exports = { isId, decode, isHttp };
