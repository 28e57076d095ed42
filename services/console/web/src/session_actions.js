// Reconnect, park, unpark, delete: of one session, of some, or of all that match a filter.
import { post } from './api.js';
import { number, t, translated } from './lib/i18n.js';
import { ask, attempt } from './ui/dialog.js';
import { toast } from './store.js';

// More than this are named by their filter, not one by one (a request has at most 64 KiB).
export const NAMED_MAX = 200;

const send = (body) => post('/sessions/actions', body);

const reasonOf = (r) => (r ? translated(r.answer === 'not_found' ? 'error.not_found' : `why.${r.why}`, r.detail) : '');

function report(answer) {
  const first = answer.results.find((r) => !r.ok);
  if (answer.refused === 0) toast(t(`done.${answer.action}`, { n: answer.done }));
  else toast(t('done.refused', { done: number(answer.done), refused: number(answer.refused), detail: reasonOf(first) }), answer.done > 0 ? 'warn' : 'bad');
  return answer;
}

// @what: { sessions: [{ bridge, session }] } or { filter }. Resolves to the answer, or undefined when nothing was changed.
export async function act(action, what) {
  const counted = await attempt(() => send({ action, ...what, dry_run: true }));
  if (!counted) return undefined;
  const n = counted.matched;
  if (n === 0) return void toast(t('actions.none_match'), 'warn');
  const one = n === 1 && what.sessions ? what.sessions[0].session : '';
  const asked = await confirm(action, n, one);
  if (asked === null) return undefined;
  const body = { action, ...what };
  if (what.filter) body.expect = n;
  if (action === 'park' && typeof asked === 'string' && asked) body.reason = asked;
  return attempt(async () => report(await send(body)));
}

function confirm(action, n, one) {
  const name = one || t('sessions.n', { n });
  const common = { title: t(`confirm.${action}`, { name }), text: t(`confirm.${action}.text`), button: t(`action.${action}`) };
  if (action === 'park') return ask({ ...common, input: t('confirm.park.reason') });
  if (action === 'delete') return ask({ ...common, danger: true, word: one || String(n) });
  return n === 1 ? true : ask(common);
}
