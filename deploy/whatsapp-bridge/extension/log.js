'use strict';
/*
 * One line per event on stderr, in the words of zapkeep's other logs:
 *   2026-11-22T10:04:35.123Z warn bridge-extension feature-off msg="…" feature=qr
 */
const LEVELS = ['debug', 'info', 'warn', 'error'];
/* pino's words, which LOG_LEVEL may hold, beside ours */
const ALIASES = { trace: 'debug', fatal: 'error', silent: 'error' };

function makeLog(level, write = (line) => process.stderr.write(line)) {
  const known = ALIASES[level] || level;
  const least = LEVELS.indexOf(LEVELS.includes(known) ? known : 'info');
  const log = {};
  LEVELS.forEach((name, rank) => {
    log[name] = (id, msg, pairs = {}) => {
      if (rank < least) return;
      const words = Object.entries({ msg, ...pairs }).map(([key, value]) => `${key}=${quote(String(value))}`);
      write(`${new Date().toISOString()} ${name} bridge-extension ${id} ${words.join(' ')}\n`);
    };
  });
  return log;
}

function quote(text) {
  return /^[\w.:/@+-]+$/.test(text) ? text : JSON.stringify(text);
}

module.exports = { makeLog };
