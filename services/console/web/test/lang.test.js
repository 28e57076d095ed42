// The catalogues: four languages with the same texts, and every word that the services can say is in them.
import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const web = join(dirname(fileURLToPath(import.meta.url)), '..');
const root = join(web, '../../..');
const read = (path) => readFileSync(join(root, path), 'utf8');
const catalogues = Object.fromEntries(['en', 'pt-BR', 'es', 'id'].map((name) => [name, JSON.parse(readFileSync(join(web, 'lang', `${name}.json`), 'utf8'))]));
const { en, ...others } = catalogues;
const placeholders = (text) => [...text.matchAll(/\{\w+\}/g)].map(([p]) => p).sort().join();

test('the folder has these four languages', () => {
  assert.deepEqual(readdirSync(join(web, 'lang')).sort(), ['en.json', 'es.json', 'id.json', 'pt-BR.json']);
});

for (const [name, texts] of Object.entries(others)) {
  test(`${name} has the keys of English, in its order`, () => assert.deepEqual(Object.keys(texts), Object.keys(en)));
  test(`${name} has the placeholders of English`, () => {
    for (const key of Object.keys(en)) assert.equal(placeholders(texts[key]), placeholders(en[key]), key);
  });
  test(`${name} is translated`, () => {
    const sentences = Object.keys(en).filter((key) => en[key].split(' ').length > 3);
    assert.deepEqual(sentences.filter((key) => texts[key] === en[key]), []);
  });
}

test('no text is empty, has space around it or has two lines', () => {
  for (const [name, texts] of Object.entries(catalogues)) for (const [key, text] of Object.entries(texts)) assert.ok(text && text === text.trim() && !text.includes('\n'), `${name} ${key}`);
});

test('a plural has its forms', () => {
  for (const key of Object.keys(en)) if (key.endsWith('.one')) assert.ok(key.replace(/one$/, 'other') in en, key);
});

const has = (keys) => assert.deepEqual(keys.filter((key) => !(key in en)), []);
const words = (path, pattern, found = 1) => [...read(path).matchAll(pattern)].map((m) => m[found]);

test('every cause of common/domain has a name and its meaning', () => {
  const causes = words('common/domain/cause.c', /^ {4}\{ \d+, "([a-z-]+)"/gm);
  assert.ok(causes.length > 15);
  has(causes.flatMap((c) => [`cause.${c}`, `cause.${c}.meaning`]));
});
test('every reason why not of common/domain has a text', () => {
  const reasons = words('common/domain/why.h', /X\([A-Z_]+, "([a-z-]+)"/g);
  assert.ok(reasons.length > 20);
  has(reasons.map((w) => `why.${w}`));
});
test('every alert of common/domain has a name and its next step', () => {
  const alerts = words('common/domain/alert_kind.h', /ALERT_OF_\w+, "([a-z-]+)"/g);
  assert.ok(alerts.length > 15);
  has(alerts.flatMap((a) => [`alert.${a}`, `alert.${a}.step`]));
});
test('every state of a session has a text', () => has(words('common/domain/session.h', /X\([A-Z_]+, "([a-z_]+)"/g).map((s) => `state.${s}`)));
test('every outcome and reason of an attempt has a text', () => {
  const retry = read('common/policy/retry.h');
  const part = (after) => [...retry.slice(retry.indexOf(after)).split('#define X(')[0].matchAll(/X\([A-Z_]+, "([a-z-]+)"/g)].map((m) => m[1]);
  has([...part('/* The outcome of an attempt.').map((o) => `outcome.${o}`), ...part('/* Why the next').map((r) => `reason.${r}`)]);
});
test('every check of the doctor has a name', () => {
  const checks = words('services/cli/cmd_doctor.c', /\{ "([a-z]+)", doctor_/g);
  assert.ok(checks.length > 20);
  has(checks.map((c) => `check.${c}`));
});
test('every error that the console answers a person has a text', () => {
  const files = readdirSync(join(root, 'services/console')).filter((f) => f.endsWith('.c'));
  const codes = files.flatMap((f) => words(`services/console/${f}`, /(?:exchange_error|refuse)\([\w>-]+, [^"]*"([a-z_]+)"/g));
  // The page shows the login or its own text for these, or makes no such request.
  const others = ['not_logged_in', 'wrong_password', 'method_not_allowed', 'csrf', 'locked'];
  assert.ok(new Set(codes).size > 8);
  has([...new Set(codes)].filter((c) => !others.includes(c)).map((c) => `error.${c}`));
});
test('every next step of the page has a text', () => has(['scan', 'link_again', 'pair_when_accepted', 'create_again', 'update_bridge', 'unpark'].map((s) => `step.${s}`)));

test('every text that the page names is in the catalogue', () => {
  const files = readdirSync(join(web, 'src'), { recursive: true }).filter((f) => f.endsWith('.js'));
  const missing = [];
  for (const file of files)
    for (const [, key] of readFileSync(join(web, 'src', file), 'utf8').matchAll(/\bt\(\s*'([^']+)'/g))
      if (!(key in en) && !(`${key}.other` in en)) missing.push(`${file}: ${key}`);
  assert.deepEqual(missing, []);
});
