'use strict';
/*
 * LOG_LEVEL, which zapw reads and does not use: for Baileys' own log, and from "warn" on zapw's console.log lines
 * are left out.
 */
const path = require('path');
const { createRequire } = require('module');

const LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'];

function start(bridge) {
  const level = bridge.env.LOG_LEVEL || 'info';
  if (!LEVELS.includes(level)) throw new Error(`LOG_LEVEL=${level} is none of ${LEVELS.join(', ')}`);
  const baileys = createRequire(path.join(bridge.dist, 'index.js'))('@whiskeysockets/baileys');
  baileys.DEFAULT_CONNECTION_CONFIG.logger.level = level;
  if (LEVELS.indexOf(level) > LEVELS.indexOf('info')) console.log = console.info = () => {};
}

module.exports = { start };
