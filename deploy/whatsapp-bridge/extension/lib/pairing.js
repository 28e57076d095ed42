'use strict';
/* Reads from a session's credentials on disk (creds.json of Baileys) which phone it was paired with. */
const fs = require('fs/promises');
const path = require('path');

/* Returns {phoneNumber, name, at} of a paired session, null when it never was, or has no readable credentials. */
async function readPairing(dataPath, id) {
  const file = path.join(dataPath, id, 'creds.json');
  try {
    const { me } = JSON.parse(await fs.readFile(file, 'utf8'));
    if (!me?.id) return null;
    return { phoneNumber: userOf(me.id), name: me.name, at: (await fs.stat(file)).mtime };
  } catch {
    return null;
  }
}

/* "5511999:7@s.whatsapp.net" -> "5511999" */
function userOf(jid) {
  return String(jid ?? '').split('@')[0].split(':')[0];
}

module.exports = { readPairing, userOf };
