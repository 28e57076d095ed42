'use strict';
/*
 * A promise that fails in one session's handler must not end the process, and with it every other session: Node
 * does so by default, and zapw has such handlers (a message that is parsed after its socket was closed).
 */
function start(bridge) {
  process.on('unhandledRejection', (reason) =>
    bridge.log.error('unhandled', String(reason?.stack || reason)));
}

module.exports = { start };
