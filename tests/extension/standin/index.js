'use strict';
const app = require('./app').createApp();
const { sessionManager } = require('./services/sessionManager');
const { whatsappService } = require('./services/whatsappService');

(async () => {
  await sessionManager.initialize();
  await whatsappService.initialize();
  const server = app.listen(Number(process.env.PORT), '127.0.0.1', () => process.send?.({ port: server.address().port }));
})().catch((error) => {
  console.error('Failed to start server:', error);
  process.exit(1);
});
