'use strict';
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

module.exports = { isId, decode };
