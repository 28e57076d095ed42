// The frame of every page: navigation, connection, login.
import { get, post } from './api.js';
import { useKeys } from './keys.js';
import { LANGUAGES, t } from './lib/i18n.js';
import { build, parse } from './lib/route.js';
import { Alerts } from './pages/alerts.js';
import { Audit } from './pages/audit.js';
import { Bridges } from './pages/bridges.js';
import { Delivery } from './pages/delivery.js';
import { Doctor } from './pages/doctor.js';
import { Events } from './pages/events.js';
import { Login } from './pages/login.js';
import { Overview } from './pages/overview.js';
import { Pair } from './pages/pair.js';
import { Session } from './pages/session.js';
import { Sessions } from './pages/sessions.js';
import { change, prefs } from './prefs.js';
import { forgetSessionList } from './session_list.js';
import { connection, dismiss, me, overview, toasts, useStore } from './store.js';
import { connect, disconnect, on } from './stream.js';
import { Dialog, Question } from './ui/dialog.js';
import { h, useEffect, useState } from './ui/preact.js';
import { Icon } from './ui/icon.js';
import { Empty, Page } from './ui/page.js';
import { Since } from './ui/time.js';
import { again } from './stream.js';

const PAGES = { overview: Overview, sessions: Sessions, session: Session, pair: Pair, events: Events, delivery: Delivery, alerts: Alerts, bridges: Bridges, doctor: Doctor, audit: Audit };
const MENU = [['overview', 'o'], ['sessions', 's'], ['events', 'e'], ['delivery', 'd'], ['alerts', 'a'], ['bridges', 'b'], ['doctor', 'c'], ['audit', 'u']];

function useRoute() {
  const [route, setRoute] = useState(() => parse(location.hash));
  useEffect(() => {
    const changed = () => setRoute(parse(location.hash));
    addEventListener('hashchange', changed);
    return () => removeEventListener('hashchange', changed);
  }, []);
  return route;
}

// The numbers beside the menu count the faults of each page.
function useBadges() {
  const o = useStore(overview);
  if (!o) return {};
  const { disconnected = 0, logged_out = 0, failed = 0, lost = 0 } = o.sessions;
  return { overview: o.problems.length, sessions: disconnected + logged_out + failed + lost, alerts: o.alerts };
}

function Navigation({ page, open, onNavigate }) {
  const badges = useBadges();
  const own = page === 'session' || page === 'pair' ? 'sessions' : page;
  return <nav id="nav" class={open ? 'open' : ''} aria-label={t('nav.label')}>
    {MENU.map(([name]) => <a href={build([name])} aria-current={own === name ? 'page' : undefined} onClick={onNavigate}>
      <span>{t(`nav.${name}`)}</span>{badges[name] > 0 && <span class="badge">{badges[name]}</span>}</a>)}
    <Settings />
  </nav>;
}

function Settings() {
  const p = useStore(prefs);
  const who = useStore(me);
  const logOut = async () => {
    await post('/logout').catch(() => {});
    me.set(null);
  };
  const field = (name, value, options, onChange) => <label><span>{t(`settings.${name}`)}</span>
    <select value={value} onChange={(e) => onChange(e.target.value)}>{options.map(([v, text]) => <option value={v} selected={v === value}>{text}</option>)}</select></label>;
  return <div class="settings">
    {field('language', p.lang || p.shown, Object.entries(LANGUAGES), (lang) => change({ lang }))}
    {field('theme', p.theme, ['auto', 'light', 'dark'].map((v) => [v, t(`settings.theme.${v}`)]), (theme) => change({ theme }))}
    {field('times', p.utc ? 'utc' : 'local', ['local', 'utc'].map((v) => [v, t(`settings.times.${v}`)]), (v) => change({ utc: v === 'utc' }))}
    <p class="who"><span title={who.actor}>{t(`role.${who.role}`)}</span><button class="link" onClick={logOut}>{t('action.log_out')}</button></p>
    {who.grafana_url && <p><a href={who.grafana_url} target="_blank" rel="noreferrer">Grafana</a></p>}
    <p class="faint">zapkeep {who.version}</p>
  </div>;
}

// Says that the page is not of now. A gap of a moment is not worth a word.
function ConnectionBanner() {
  const { link, since } = useStore(connection);
  const [late, setLate] = useState(false);
  useEffect(() => {
    setLate(false);
    if (link !== 'closed') return undefined;
    const timer = setTimeout(() => setLate(true), 1500);
    return () => clearTimeout(timer);
  }, [link]);
  if (!late) return null;
  return <div class="banner t-bad" role="alert"><Icon name="bad" />
    <span>{t('link.lost')} <Since at={since} />. {t('link.old')}</span>
    <button class="small" onClick={again}>{t('link.now')}</button></div>;
}

const Toasts = () => <div class="toasts" role="status" aria-live="polite">
  {useStore(toasts).map((item) => <div key={item.id} class={`toast t-${item.tone}`}><Icon name={item.tone} /><span>{item.text}</span>
    <button class="icon-button" aria-label={t('action.close')} onClick={() => dismiss(item.id)}><Icon name="close" /></button></div>)}
</div>;

function Help({ onClose }) {
  const keys = [['/', 'search'], ['j k', 'move'], ['Enter', 'open'], ['x', 'select'], ['Esc', 'escape'], ['p', 'pause'], ['?', 'help'], ...MENU.map(([name, key]) => [`g ${key}`, name])];
  const text = (name) => (MENU.some(([page]) => page === name) ? t(`nav.${name}`) : t(`keys.${name}`));
  return <Dialog title={t('keys.title')} onClose={onClose}>
    <dl class="keys">{keys.map(([key, name]) => <div><dt>{key.split(' ').map((k) => <kbd>{k}</kbd>)}</dt><dd>{text(name)}</dd></div>)}</dl></Dialog>;
}

// "g" and a letter within a second and a half: a page.
let wentAt = 0;
const goKeys = (openHelp) => ({
  '?': openHelp,
  g: () => void (wentAt = Date.now()),
  ...Object.fromEntries(
    MENU.map(([name, key]) => [key, () => Date.now() - wentAt < 1500 && (location.hash = build([name]))]),
  ),
});

async function readOverview() {
  overview.set(await get('/overview').catch(() => overview.get()));
}

// The stream has the numbers alone: when that of the problems changes, they are read.
function takeOverview({ problems, ...numbers }) {
  const o = overview.get();
  if (!o) return;
  overview.set({ ...o, ...numbers });
  if (problems !== o.problems.length || numbers.alerts !== o.alerts) readOverview();
}

function useOverview(loggedIn) {
  useEffect(() => {
    if (!loggedIn) return undefined;
    readOverview();
    connect();
    const stops = [
      on('resync', readOverview),
      on('overview', takeOverview),
      on('delivery', (d) => overview.set((o) => o && { ...o, delivery: replace(o.delivery, d) })),
    ];
    // Services, bridges and rates are in the whole answer alone.
    const timer = setInterval(() => document.hidden || connection.get().link !== 'open' || readOverview(), 5000);
    return () => {
      stops.forEach((stop) => stop());
      clearInterval(timer);
      disconnect();
      // The next login may see less.
      forgetSessionList();
      overview.set(null);
    };
  }, [loggedIn]);
}

const replace = (list, d) => (list.some((x) => x.destination === d.destination) ? list.map((x) => (x.destination === d.destination ? d : x)) : [...list, d]);

function Frame() {
  const route = useRoute();
  const [menu, setMenu] = useState(false);
  const [help, setHelp] = useState(false);
  useOverview(true);
  useKeys(goKeys(() => setHelp(true)));
  const name = route.path[0] ?? 'overview';
  const Shown = PAGES[name];
  useEffect(() => document.getElementById('main')?.scrollTo(0, 0), [route.path.join('/')]);
  return <div class="frame">
    <a class="skip" href="#main" onClick={(e) => (e.preventDefault(), document.getElementById('main').focus())}>{t('nav.skip')}</a>
    <header class="top">
      <a class="logo" href={build(['overview'])}><img src="icon.svg" alt="" width="24" height="24" />zapkeep</a>
      <button class="icon-button menu-button" aria-expanded={menu} aria-controls="nav" aria-label={t('nav.menu')} onClick={() => setMenu(!menu)}><Icon name={menu ? 'close' : 'menu'} /></button>
    </header>
    <Navigation page={name} open={menu} onNavigate={() => setMenu(false)} />
    <main id="main" tabindex="-1">
      <ConnectionBanner />
      {Shown ? <Shown {...{ args: route.path.slice(1), query: route.query }} key={route.path.join('/')} /> : <Page title={t('page.unknown')}><Empty title={t('page.unknown')} text={t('page.unknown.text')}><a class="button" href={build(['overview'])}>{t('nav.overview')}</a></Empty></Page>}
    </main>
    {help && <Help onClose={() => setHelp(false)} />}
    <Question />
  </div>;
}

export function App() {
  const who = useStore(me);
  const { shown } = useStore(prefs);
  return <div key={shown}>{who ? <Frame key="frame" /> : <Login />}<Toasts /></div>;
}
