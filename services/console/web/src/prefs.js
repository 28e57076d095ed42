// The choices of a person for this browser: language, colours, and how times are shown. No secret is ever kept here.
import en from '../lang/en.json' with { type: 'json' };
import { base } from './api.js';
import { LANGUAGES, choose, use } from './lib/i18n.js';
import { createStore } from './store.js';

const KEY = 'zapkeep-console';
const DEFAULTS = { lang: '', theme: 'auto', utc: false };

function load() {
  try {
    const kept = JSON.parse(localStorage.getItem(KEY) ?? '{}');
    return {
      lang: kept.lang in LANGUAGES ? kept.lang : '',
      theme: ['light', 'dark'].includes(kept.theme) ? kept.theme : 'auto',
      utc: kept.utc === true,
    };
  } catch {
    return { ...DEFAULTS };
  }
}

// Also has `shown`: the language in use, after its catalogue came.
export const prefs = createStore({ ...load(), shown: 'en' });

async function applyLanguage() {
  const lang = prefs.get().lang || choose(navigator.languages ?? [navigator.language]);
  let catalogue = en;
  if (lang !== 'en') {
    try {
      const texts = (await (await fetch(new URL(`lang-${lang}.txt`, base))).text()).split('\n');
      catalogue = Object.fromEntries(Object.keys(en).map((key, i) => [key, texts[i]]));
    } catch {
      return; // English stays; the next choice tries again
    }
  }
  use(lang, catalogue);
  document.documentElement.lang = lang;
  prefs.set((p) => ({ ...p, shown: lang }));
}

const dark = matchMedia('(prefers-color-scheme: dark)');

function applyTheme() {
  const { theme } = prefs.get();
  const ofSystem = dark.matches ? 'dark' : 'light';
  document.documentElement.dataset.theme = theme === 'auto' ? ofSystem : theme;
}

export async function change(part) {
  prefs.set((p) => ({ ...p, ...part }));
  const { lang, theme, utc } = prefs.get();
  try {
    localStorage.setItem(KEY, JSON.stringify({ lang, theme, utc }));
  } catch {
    // Private windows may refuse; the choice then lasts as long as the page.
  }
  applyTheme();
  if ('lang' in part) await applyLanguage();
}

export async function startPrefs() {
  applyTheme();
  dark.addEventListener('change', applyTheme);
  await applyLanguage();
}
