// The catalogues as the page carries them. A text that only calls of t('key') name gets a number for its key, in the catalogue
// and in these calls; texts whose keys are put together at run time (`state.${s}`) keep them. English's texts in the order of
// their words lie beside texts alike, which gzip likes; the other languages follow that order.
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

const CALL = /\bt\('([^']+)'/g;

export const catalogue = (web, name) => JSON.parse(readFileSync(join(web, 'lang', name), 'utf8'));

// { keys: all keys in the order of the files, named: how many of them keep their names; the others follow these }
export function orderOf(web) {
  const en = catalogue(web, 'en.json');
  const sources = readdirSync(join(web, 'src'), { recursive: true }).filter((f) => f.endsWith('.js')).map((f) => readFileSync(join(web, 'src', f), 'utf8'));
  const found = (pattern, of = sources) => new Set(of.flatMap((s) => [...s.matchAll(pattern)].map((m) => m[1])));
  const called = found(CALL);
  const otherwise = found(/'([a-z_.-]+)'/g, sources.map((s) => s.replace(CALL, '')));
  const prefixes = [...found(/`([a-z_]+\.[a-z_.]*)\$\{/g)];
  const numbered = (key) => called.has(key) && !otherwise.has(key) && !prefixes.some((prefix) => key.startsWith(prefix));
  const sorted = Object.keys(en).sort((a, b) => (en[a] < en[b] ? -1 : 1));
  const named = sorted.filter((key) => !numbered(key));
  return { keys: [...named, ...sorted.filter(numbered)], named: named.length };
}

// English as a module, in place of lang/en.json.
export function catalogueModule(web, { keys, named }) {
  const en = catalogue(web, 'en.json');
  return `const names = ${JSON.stringify(keys.slice(0, named).join(' '))}.split(' ');
export default Object.fromEntries(${JSON.stringify(keys.map((key) => en[key]).join('\n'))}.split('\\n').map((text, i) => [names[i] ?? '_' + i, text]));`;
}

// A source with the numbers in its calls.
export function withNumbers(source, { keys, named }) {
  const numbers = new Map(keys.slice(named).map((key, i) => [key, named + i]));
  return source.replace(CALL, (call, key) => (numbers.has(key) ? `t('_${numbers.get(key)}'` : call));
}
