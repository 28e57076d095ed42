'use strict';
/*
 * Preloaded into zapw: node -r …/extension/index.js dist/index.js
 * Names of the environment first, because zapw reads them while its modules load.
 */
const path = require('path');
const environment = require('./environment');
const { start } = require('./bridge');

try {
  environment.fill(process.env);
  environment.checkDataPath(process.env);
} catch (error) {
  process.stderr.write(`zapkeep bridge: ${error.message}\n`);
  process.exit(1);
}
start({ dist: path.dirname(path.resolve(process.argv[1])), env: process.env });
