'use strict';
/* Sockets that follow the orders of a test: emit(id, event, data), or by a message to the process. */
const { EventEmitter } = require('events');
const path = require('path');
const fs = require('fs');

const sockets = new Map(); // session -> its sockets, newest first

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
  sockets.set(id, [socket, ...of(id)]);
  return socket;
}

/* "open" with paired credentials written, "close" with a code, or any event of Baileys. */
function emit(id, event, data, age = 0) {
  const socket = of(id)[age];
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

const of = (id) => sockets.get(id) ?? [];

process.on('message', ({ id, event, data, age }) => {
  if (event) emit(id, event, data, age);
  process.send({ made: of(id).length, open: of(id).filter((socket) => !socket.closed).length });
});

module.exports = { makeSocket, DEFAULT_CONNECTION_CONFIG: { logger: { level: 'info' } } };
