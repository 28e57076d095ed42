'use strict';
/*
 * How long to wait before an event is sent again. Pure: @random in [0, 1) is drawn by the caller.
 *
 * A receiver that is away or overloaded (no answer, 5xx, 408, 429) is back within seconds or minutes. One that
 * refuses (3xx, other 4xx) needs a person, to set the token right for example: slowly, but for as long as it takes.
 */
const AWAY = { firstMs: 1000, mostMs: 60 * 1000 };
const REFUSED = { firstMs: 30 * 1000, mostMs: 5 * 60 * 1000 };
const RETRY_AFTER_MOST_MS = 5 * 60 * 1000;

/* @attempt counts from 1; @status is 0 when no answer came. */
function retryDelayMs(attempt, { status = 0, retryAfterMs = 0 }, random) {
  const { firstMs, mostMs } = isRefusal(status) ? REFUSED : AWAY;
  const delayMs = Math.min(mostMs, firstMs * 2 ** Math.min(attempt - 1, 30));
  const spreadMs = delayMs * (0.8 + 0.4 * random);
  return Math.round(Math.max(spreadMs, Math.min(retryAfterMs, RETRY_AFTER_MOST_MS)));
}

function isRefusal(status) {
  return status >= 300 && status < 500 && status !== 408 && status !== 429;
}

/* Nobody there, or a gateway that says so: nothing that has to do with the event itself. */
function isAway(status) {
  return [0, 502, 503, 504].includes(status);
}

module.exports = { retryDelayMs, isAway };
