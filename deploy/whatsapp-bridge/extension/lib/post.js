'use strict';
/* One HTTP POST. Node's own client, because fetch refuses URLs with a user and a password, which are in use. */
const http = require('http');
const https = require('https');

/* The whole exchange; zapw's own limit. */
const TIMEOUT_MS = 10 * 1000;

/* Resolves to {status, retryAfterMs}; rejects when no answer came. @headers win over a password in @url. */
function post(url, headers, body) {
  return new Promise((resolve, reject) => {
    const target = new URL(url);
    const { request } = target.protocol === 'https:' ? https : http;
    const options = {
      method: 'POST',
      headers: { ...headers, 'Content-Length': Buffer.byteLength(body) },
      signal: AbortSignal.timeout(TIMEOUT_MS),
    };
    const req = request(target, options, (res) => {
      res.on('error', reject);
      res.on('end', () =>
        resolve({ status: res.statusCode, retryAfterMs: (Number(res.headers['retry-after']) || 0) * 1000 }));
      res.resume();
    });
    req.on('error', reject);
    req.end(body);
  });
}

module.exports = { post };
