'use strict';
/* Sockets that do what a test says: emit(id, event, data), or by a message to the process. */
const { EventEmitter } = require('events');
const path = require('path');
const fs = require('fs');

const sockets = new Map(); // session -> newest socket
const made = new Map(); // session -> how many

function makeSocket({ dir }) {
  const id = path.basename(dir);
  const ev = new EventEmitter();
  const socket = {
    ev,
    closed: false,
    user: { id: '5511999:7@s.whatsapp.net', lid: '777:7@lid', name: 'Bob' },
    end(error) {
      if (socket.closed) return;
      socket.closed = true;
      ev.emit('connection.update', { connection: 'close', lastDisconnect: { error } });
    },
  };
  fs.mkdirSync(dir, { recursive: true });
  sockets.set(id, socket);
  made.set(id, (made.get(id) ?? 0) + 1);
  return socket;
}

/* "open" with paired credentials written, "close" with a code, or any event of Baileys. */
function emit(id, event, data) {
  const socket = sockets.get(id);
  if (event === 'open') {
    const creds = path.join(process.env.SESSIONS_DATA_PATH, id, 'creds.json');
    fs.writeFileSync(creds, JSON.stringify({ me: socket.user }));
    socket.ev.emit('connection.update', { connection: 'open' });
    socket.ev.emit('connection.update', { receivedPendingNotifications: true });
  } else if (event === 'close') {
    socket.end({ isBoom: true, output: { statusCode: data } });
  } else {
    socket.ev.emit(event, data);
  }
}

process.on('message', ({ id, event, data }) => {
  if (event) emit(id, event, data);
  process.send({ made: made.get(id) ?? 0, open: !sockets.get(id)?.closed });
});

module.exports = { makeSocket, emit, sockets, made, DEFAULT_CONNECTION_CONFIG: { logger: { level: 'info' } } };
