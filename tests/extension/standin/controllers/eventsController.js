'use strict';
exports.stored = [];
exports.storeWebhookEvent = (sessionId, eventType, data) => exports.stored.push({ sessionId, eventType, data });
