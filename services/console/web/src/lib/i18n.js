// Texts by key in the chosen language. A key that a catalogue lacks is shown in English; one that English lacks too, as the
// fallback of the caller: the server's own sentence.
import en from '../../lang/en.json' with { type: 'json' };

export const LANGUAGES = { en: 'English', 'pt-BR': 'Português (Brasil)', es: 'Español', id: 'Bahasa Indonesia' };

let current = en;
let plural = new Intl.PluralRules('en');
let name = 'en';

export const language = () => name;

// use(lang, catalogue): from now on, texts come from this catalogue.
export function use(lang, catalogue) {
  name = lang;
  current = catalogue ?? en;
  plural = new Intl.PluralRules(lang);
}

// The supported language nearest to a list of wishes ("pt-PT", "es-MX"): the same tag, else the same first part, else English.
export function choose(wishes) {
  const names = Object.keys(LANGUAGES);
  for (const wish of wishes) {
    const wanted = String(wish).toLowerCase();
    const found =
      names.find((n) => n.toLowerCase() === wanted) ??
      names.find((n) => n.toLowerCase().split('-')[0] === wanted.split('-')[0]);
    if (found) return found;
  }
  return 'en';
}

export const fill = (text, values) =>
  text.replace(/\{(\w+)\}/g, (whole, key) => (values && values[key] !== undefined ? values[key] : whole));

const find = (key) => current[key] ?? en[key];

// t(key, values): the text with its placeholders filled. With values.n, "key.one" or "key.other" is taken by the language's rule.
export function t(key, values) {
  const text =
    values && typeof values.n === 'number' ? (find(`${key}.${plural.select(values.n)}`) ?? find(`${key}.other`)) : undefined;
  const shown = values && typeof values.n === 'number' ? { ...values, n: number(values.n) } : values;
  return fill(text ?? find(key) ?? key, shown);
}

// The text of a key that may be unknown to this version of the page.
export function tOr(key, fallback, values) {
  const text = find(key);
  return text === undefined ? (fallback ?? '') : fill(text, values);
}

// A sentence of the server, which is in English and may name more than the text of its key: another language shows that text.
export const translated = (key, said) => (name === 'en' ? said : tOr(key, said));

export const number = (n) => (n == null ? '–' : new Intl.NumberFormat(name).format(n));
