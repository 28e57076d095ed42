// When live updates are shown: held back while somebody reads, and counted; nothing is lost in between.

export const LIVE_START = { link: 'connecting', paused: false, reason: '', waiting: [], lost: 0, since: 0 };

// The most messages that wait while the page is paused; beyond it the page reads everything anew when it goes on.
export const WAITING_MAX = 2000;

// step(state, action): the next state, and `deliver`: the messages to show now.
//   { type: 'open' | 'closed', now }   the stream is there, or is gone
//   { type: 'message', message }       something changed
//   { type: 'pause', reason }          'hover', 'focus', 'hidden', 'button'
//   { type: 'resume' }
export function step(state, action) {
  switch (action.type) {
    case 'open':
      return [{ ...state, link: 'open', since: action.now }, []];
    case 'closed':
      return [{ ...state, link: 'closed', since: state.link === 'closed' ? state.since : action.now }, []];
    case 'message':
      if (!state.paused) return [state, [action.message]];
      if (state.waiting.length >= WAITING_MAX) return [{ ...state, lost: state.lost + 1 }, []];
      return [{ ...state, waiting: [...state.waiting, action.message] }, []];
    case 'pause':
      return [{ ...state, paused: true, reason: action.reason }, []];
    case 'resume':
      return [{ ...state, paused: false, reason: '', waiting: [], lost: 0 }, state.lost ? [{ kind: 'reload' }] : state.waiting];
    default:
      return [state, []];
  }
}

// The events that are newer than a list that is newest first: what was read and what the stream brings overlap.
export const newer = (events, list) => events.filter((e) => e.seq > (list[0]?.seq ?? 0));

// Waits between attempts to reach the server again, ms: short at first, never longer than 10 s.
export const retryDelay = (failures, jitter) => Math.min(10000, 500 * 2 ** Math.min(failures, 5)) * (0.75 + jitter / 2);
