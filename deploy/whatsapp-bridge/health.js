'use strict';
/* Exit 0 when zapw answers /health. It is liveness only: it says nothing about sessions. */
const { get } = require('http');

const PORT = process.env.PORT || 3000;

const asked = { host: '127.0.0.1', port: PORT, path: '/health', timeout: 3000 };

get(asked, (res) => process.exit(res.statusCode === 200 ? 0 : 1))
  .on('timeout', () => process.exit(1))
  .on('error', () => process.exit(1));
