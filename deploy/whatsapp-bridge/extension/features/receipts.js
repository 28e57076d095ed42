'use strict';
/*
 * Receipts told apart. Baileys says {key, update: {status}}; zapw reads the status one level too high, so that every
 * update becomes message.sent. zapw's callback gets the status where it looks for it; what is no receipt of a
 * message of ours is left out. Receipts in groups come per member, as another event of Baileys, which zapw does not
 * listen to: {"messageId","status","participant","groupId"}.
 */
const { userOf } = require('../lib/pairing');

const SENT = 2, DELIVERED = 3, READ = 4, PLAYED = 5;
const GROUP_EVENT = { [DELIVERED]: 'message.delivered', [READ]: 'message.read' };

function start(bridge) {
  const emit = bridge.emitter();

  const { BaileysClient } = bridge.need('adapters/whatsappAdapter', 'BaileysClient.prototype.onMessageStatusUpdate',
    'BaileysClient.prototype.connect');

  bridge.wrap(BaileysClient.prototype, 'onMessageStatusUpdate', (listen) => function listenToReceipts(callback) {
    return listen.call(this, (update) => {
      const status = receiptOf(update);
      if (status) callback({ ...update, status });
    });
  });

  bridge.onSocket((client, socket) => {
    socket.ev.on('message-receipt.update', (updates) => {
      for (const { key, receipt } of updates) {
        if (!key.fromMe || isOwn(receipt.userJid, socket.user)) continue;
        const status = receipt.readTimestamp || receipt.playedTimestamp ? READ : DELIVERED;
        const data = { messageId: key.id, status, participant: receipt.userJid, groupId: key.remoteJid };
        emit(client.sessionId, GROUP_EVENT[status], data);
      }
    });
  });
}

/*
 * 2, 3 or 4; 0 when it is no receipt of a message of ours. A 2 is always about ours: it is what our own other
 * devices answer when they got the copy of a message we sent.
 */
function receiptOf({ key, update }) {
  const status = update?.status;
  if (status === SENT) return SENT;
  if (!key?.fromMe) return 0; // another device of ours has read a message that came in
  if (status === PLAYED) return READ;
  return status === DELIVERED || status === READ ? status : 0;
}

/* Reading on our own phone is no receipt. */
function isOwn(jid, user) {
  return [user?.id, user?.lid].some((own) => own && userOf(own) === userOf(jid));
}

module.exports = { start, receiptOf };
