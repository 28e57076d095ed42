'use strict';
exports.authMiddleware = (req, res, next) => {
  const key = process.env.API_KEY;
  if (!key || req.path === '/health' || req.headers.authorization === `Bearer ${key}`) return next();
  res.statusCode = 401;
  return res.end('{"error":"Unauthorized","message":"API key is required"}');
};
