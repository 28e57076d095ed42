'use strict';
/*
 * The features that the extension adds to zapw, in the order of starting. Each stands alone: start(bridge)
 * hooks the modules it needs, or throws (then it is off, one log line says why, and the rest goes on). It looks at
 * everything it needs before it changes anything.
 */
module.exports = [
  { name: 'survive', file: './features/survive' },
  { name: 'logLevel', file: './features/log_level' },
  { name: 'sessionList', file: './features/session_list' },
  { name: 'folders', file: './features/folders' },
  { name: 'ids', file: './features/ids' },
  { name: 'create', file: './features/create' },
  { name: 'keepPairing', file: './features/keep_pairing' },
  { name: 'oneClient', file: './features/one_client' },
  { name: 'status', file: './features/status' },
  { name: 'reconnect', file: './features/reconnect' },
  { name: 'webhooks', file: './features/webhooks' },
  { name: 'qr', file: './features/session_qr' },
  { name: 'receipts', file: './features/receipts' },
  { name: 'offline', file: './features/offline' },
  { name: 'probe', file: './features/probe' },
];
