// The login: a password, or the one-time URL that the console prints at its start.
import { base, call } from '../api.js';
import { t } from '../lib/i18n.js';
import { me } from '../store.js';
import { h, useEffect, useState } from '../ui/preact.js';
import { Icon } from '../ui/icon.js';

const ticketOf = () => new URLSearchParams(location.search).get('ticket');

export function Login() {
  const [password, setPassword] = useState('');
  const [error, setError] = useState('');
  const [busy, setBusy] = useState(false);

  const send = async (body) => {
    setBusy(true);
    setError('');
    try {
      const who = await call('POST', '/login', body);
      // The ticket is used up, and does not stay in the history.
      history.replaceState(null, '', `${base.pathname}${location.hash}`);
      me.set(who);
    } catch (e) {
      setError(e.status === 401 ? t(body.ticket ? 'login.ticket_wrong' : 'login.wrong') : e.status === 429 ? t('login.limited') : e.message);
      setBusy(false);
    }
  };
  useEffect(() => {
    document.title = `${t('login.title')} · zapkeep`;
    const ticket = ticketOf();
    if (ticket) send({ ticket });
  }, []);

  return <main class="login"><form class="panel" onSubmit={(e) => (e.preventDefault(), send({ password }))}>
    <h1><img src="icon.svg" alt="" width="32" height="32" />zapkeep</h1>
    <label class="field"><span>{t('login.password')}</span>
      <input type="password" name="password" autocomplete="current-password" autofocus required value={password} aria-invalid={error ? 'true' : undefined} aria-describedby={error ? 'login-error' : undefined} onInput={(e) => setPassword(e.target.value)} /></label>
    {error && <p class="notice t-bad" id="login-error" role="alert"><Icon name="bad" />{error}</p>}
    <button class="primary" disabled={busy}>{t('login.button')}</button>
    <p class="faint">{t('login.hint')}</p>
  </form></main>;
}
