'use strict';
/*
 * HTTP of the extension, behind zapw's own key check. zapw's createApp looks its authMiddleware up when it is
 * called, so a wrapped one runs our routes right after the key was accepted and before zapw's own. Where that
 * module is gone, routes are added behind zapw's (createApp): then only new paths can be served, and the
 * features that have to come first are off.
 */
class Door {
  constructor(bridge) {
    this.routes = [];
    this.place = this.open(bridge);
    if (this.place !== 'none')
      this.last('GET', /^\/extension\/?$/i, (req, res) => answer(res, 200, bridge.about));
  }

  open(bridge) {
    const serve = (req, res, next) => this.serve(req, res, next);
    try {
      const auth = bridge.need('middleware/authMiddleware', 'authMiddleware');
      bridge.wrap(auth, 'authMiddleware', (check) => (req, res, next) =>
        check(req, res, (error) => (error ? next(error) : serve(req, res, next))));
      return 'first';
    } catch (error) {
      bridge.log.warn('door', error.message);
    }
    try {
      const app = bridge.need('app', 'createApp');
      bridge.wrap(app, 'createApp', (create) => (...args) => create(...args).use(serve));
      return 'last';
    } catch (error) {
      bridge.log.error('door', error.message);
      return 'none';
    }
  }

  /* handler(req, res, next, match) for requests whose path matches; null is any method. Runs before zapw's. */
  first(method, path, handler) {
    if (this.place !== 'first') throw new Error("zapw's key check cannot be hooked");
    this.routes.push({ method, path, handler });
  }

  /* The same for paths that zapw has not, where it does not matter who comes first. */
  last(method, path, handler) {
    if (this.place === 'none') throw new Error('no way to add routes to zapw');
    this.routes.push({ method, path, handler });
  }

  serve(req, res, next) {
    const { path } = req; // as Express parses it: absolute forms and fragments too
    const walk = (i) => {
      const route = this.routes[i];
      if (!route) return next();
      const match = (!route.method || route.method === req.method) && route.path.exec(path);
      if (!match) return walk(i + 1);
      return route.handler(req, res, () => walk(i + 1), match);
    };
    walk(0);
  }
}

function answer(res, code, body) {
  res.statusCode = code;
  res.setHeader('Content-Type', 'application/json; charset=utf-8');
  res.end(JSON.stringify(body));
}

/* zapw's own shape of an error. */
function refuse(res, code, error) {
  answer(res, code, { status: 'error', error });
}

module.exports = { Door, answer, refuse };
