// Calls of the console's API. Addresses are relative to the page, so that they work under any base path.
import { t, translated } from './lib/i18n.js';
import { learnNow, me } from './store.js';

export const base = new URL('.', document.baseURI);

// The message is in the reader's language; @own, the console's English sentence, may say more.
export class ApiError extends Error {
  constructor(status, code, message, own = '') {
    super(message);
    this.status = status; // 0: no answer
    this.code = code;
    this.own = own;
  }
}

function errorOf(status, { error: code = `http_${status}`, detail = '' }) {
  const said = detail || t('error.status', { status });
  const message = translated(`error.${code}`, said);
  return new ApiError(status, code, message, message === said ? '' : said);
}

const ids = (parts) => parts.map((part) => encodeURIComponent(part)).join('/');
export const sessionPath = (bridge, session, rest = '') => `/sessions/${ids([bridge, session])}${rest}`;

export function withQuery(path, query) {
  const kept = Object.entries(query).filter(([, v]) => v !== undefined && v !== null && v !== '' && v !== false);
  return kept.length ? `${path}?${new URLSearchParams(kept)}` : path;
}

// call('POST', '/alerts/test', { sink }): the answer's JSON, or an ApiError. 401 shows the login.
export async function call(method, path, body, signal) {
  const headers = { accept: 'application/json' };
  if (method !== 'GET') {
    headers['content-type'] = 'application/json';
    headers['x-csrf-token'] = me.get()?.csrf ?? '';
  }
  let answer;
  try {
    answer = await fetch(new URL(`api/v1${path}`, base), {
      method,
      headers,
      body: method === 'GET' || method === 'DELETE' ? undefined : JSON.stringify(body ?? {}),
      credentials: 'same-origin',
      cache: 'no-store',
      signal,
    });
  } catch (error) {
    if (error.name === 'AbortError') throw error;
    throw new ApiError(0, 'unreachable', t('error.unreachable'));
  }
  const json = await answer.json().catch(() => null);
  if (answer.ok) {
    if (json?.now) learnNow(json.now);
    return json;
  }
  if (answer.status === 401 && path !== '/login') me.set(null);
  throw errorOf(answer.status, json ?? {});
}

export const get = (path, signal) => call('GET', path, undefined, signal);
export const post = (path, body) => call('POST', path, body);
export const remove = (path) => call('DELETE', path);
