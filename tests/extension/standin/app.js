'use strict';
const http = require('http');
const auth = require('./middleware/authMiddleware');
const { sessionsController } = require('./controllers/sessionsController');

/* As much of Express as is needed: steps in order, each with (req, res, next). */
exports.createApp = () => {
  const steps = [readBody, auth.authMiddleware, sessionsController];
  const handle = (req, res, i = 0) =>
    steps[i] ? steps[i](req, res, () => handle(req, res, i + 1)) : send(res, 404, '<pre>Cannot GET</pre>');
  const app = {
    use(step) {
      steps.push(step);
      return app;
    },
    listen: (port, done) => http.createServer((req, res) => handle(req, res)).listen(port, '127.0.0.1', done),
  };
  return app;
};

function readBody(req, res, next) {
  let text = '';
  req.on('data', (part) => (text += part));
  req.on('end', () => {
    req.body = text ? JSON.parse(text) : {};
    next();
  });
}

function send(res, code, text) {
  res.statusCode = code;
  res.end(text);
}
