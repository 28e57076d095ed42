'use strict';
/*
 * The names of the original compose file, turned into those that zapw reads:
 *
 *   SESSION_DATA_PATH            -> SESSIONS_DATA_PATH (set already: it wins)
 *   ENABLE_WEBHOOK not set       -> true (zapw sends nothing without the literal word)
 *   API_KEY_FILE                 -> API_KEY
 *   WEBHOOK_AUTH_TOKEN_FILE      -> WEBHOOK_AUTH_TOKEN
 *
 * Empty counts as not set: that is how compose passes a variable nobody gave.
 */
const fs = require('fs');

const SECRETS = ['API_KEY', 'WEBHOOK_AUTH_TOKEN'];

/* Changes @env in place. Throws when a secret's file gives none: starting open instead would be worse. */
function fill(env) {
  for (const name of SECRETS) fillSecret(env, name);
  if (!env.SESSIONS_DATA_PATH) env.SESSIONS_DATA_PATH = env.SESSION_DATA_PATH || 'sessions_data';
  if (!env.ENABLE_WEBHOOK) env.ENABLE_WEBHOOK = 'true';
}

function fillSecret(env, name) {
  const file = env[`${name}_FILE`];
  if (!file) return;
  if (env[name]) throw new Error(`${name} and ${name}_FILE are both set; set one of them`);
  env[name] = readSecret(name, file);
}

function readSecret(name, file) {
  let secret;
  try {
    secret = fs.readFileSync(file, 'utf8').trim();
  } catch (error) {
    throw new Error(`${name}_FILE=${file} cannot be read (${error.code})`);
  }
  if (!secret) throw new Error(`${name}_FILE=${file} is empty`);
  return secret;
}

/* A volume that belongs to another user is the usual fault of a first start; say so at once. */
function checkDataPath(env) {
  const dir = env.SESSIONS_DATA_PATH;
  try {
    fs.mkdirSync(dir, { recursive: true });
    fs.accessSync(dir, fs.constants.R_OK | fs.constants.W_OK | fs.constants.X_OK);
  } catch (error) {
    throw new Error(`SESSION_DATA_PATH=${dir} must be writable by user ${process.getuid()} (${error.code})`);
  }
}

module.exports = { fill, checkDataPath };
