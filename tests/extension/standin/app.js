'use strict';
const express = require('express');
const auth = require('./middleware/authMiddleware');
const { sessionsController } = require('./controllers/sessionsController');

/* The real Express, of the version that zapw uses: routes are matched as they are in production. */
exports.createApp = () => {
  const app = express();
  app.get('/health', (req, res) => res.json({ status: 'ok' }));
  app.use(express.json());
  app.use(auth.authMiddleware);
  app.use('/sessions', sessionsController);
  return app;
};
