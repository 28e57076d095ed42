'use strict';
/*
 * zapw's session list (sessions-metadata.json) without losses. Released zapw reads, changes and writes the file
 * without a lock, and takes an unreadable one for empty. Here it is read once, kept in memory, and written whole.
 *
 *   cannot be read (permission, I/O)   zapw does not start: an empty list would be written over it
 *   is not JSON                        set aside, and the list made again from the credentials on the volume
 *   paired credentials, no entry       listed again (a loss of an earlier day); DELETE removes both, so nothing else
 *                                      leaves them behind
 */
const fs = require('fs/promises');
const path = require('path');
const { AtomicFile } = require('../lib/atomic_file');
const { isId } = require('../lib/ids');
const { readPairing } = require('../lib/pairing');

function start(bridge) {
  const { persistenceAdapter: adapter } = bridge.need('adapters/persistenceAdapter', 'persistenceAdapter.metadataFile',
    'persistenceAdapter.sessionsDir');
  const { metadataFile, sessionsDir } = adapter;
  const file = new AtomicFile(metadataFile);
  const list = new Map();
  let loaded = false;

  async function save() {
    if (!loaded) throw new Error('the session list was not loaded'); // else it would be written over
    await file.save(() => JSON.stringify(Object.fromEntries(list), null, 2));
  }

  /* A full disk must not break zapw's handlers; the next change writes all of the list. */
  const saveOrSay = () => save().catch((error) => bridge.log.error('list-unsaved', error.message));

  /* In memory at once, so that changes count in the order they were called; on disk when the promise ends. */
  const methods = {
    async initialize() {
      await fs.mkdir(sessionsDir, { recursive: true });
      for (const [id, entry] of Object.entries(await readList(metadataFile, bridge.log))) list.set(id, entry);
      await adopt(list, sessionsDir, bridge.log);
      loaded = true;
      await save();
    },
    async saveSessionMetadata(entry) {
      list.set(entry.id, entry);
      await saveOrSay();
    },
    async removeSessionMetadata(id) {
      if (list.delete(id)) await saveOrSay();
    },
    async getAllSessions() {
      return [...list.values()];
    },
    sessionAuthExists: (id) => exists(path.join(sessionsDir, id)),
  };
  bridge.need('adapters/persistenceAdapter', ...Object.keys(methods).map((name) => `persistenceAdapter.${name}`));
  for (const [name, method] of Object.entries(methods)) bridge.wrap(adapter, name, () => method);
}

async function readList(file, log) {
  let text;
  try {
    text = await fs.readFile(file, 'utf8');
  } catch (error) {
    if (error.code === 'ENOENT') return {};
    throw error;
  }
  try {
    return parseList(text);
  } catch {
    const aside = `${file}.unreadable-${Date.now()}`;
    await fs.rename(file, aside);
    log.error('list-unreadable', 'the session list is made again from the credentials', { kept: aside });
    return {};
  }
}

function parseList(text) {
  const list = JSON.parse(text);
  if (list === null || typeof list !== 'object' || Array.isArray(list)) throw new Error('not a list of sessions');
  return list;
}

async function adopt(list, dir, log) {
  for (const id of await fs.readdir(dir)) {
    if (!isId(id) || list.has(id)) continue;
    const pairing = await readPairing(dir, id);
    if (!pairing) continue;
    list.set(id, { id, phoneNumber: pairing.phoneNumber, name: pairing.name, createdAt: pairing.at.toISOString() });
    log.warn('session-adopted', 'credentials without an entry in the session list: listed again', { session: id });
  }
}

/* Only a folder that is not there is absent: zapw drops such a session from its list. */
async function exists(folder) {
  try {
    await fs.access(folder);
    return true;
  } catch (error) {
    if (error.code === 'ENOENT') return false;
    throw error;
  }
}

module.exports = { start };
