// The mock console answers as services/console/openapi.json says; so the pages are built against the API, not against the mock.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { MockConsole } from './mock/server.mjs';

const api = JSON.parse(readFileSync(join(dirname(fileURLToPath(import.meta.url)), '../../services/console/openapi.json'), 'utf8'));

const resolve = (schema) => (schema.$ref ? resolve(schema.$ref.slice(2).split('/').reduce((at, part) => at[part], api)) : schema);

// The faults of a value against the part of JSON Schema that the file uses.
export function faultsOf(value, given, at = '$') {
  const schema = resolve(given);
  const options = schema.oneOf ?? schema.anyOf;
  if (options) return options.some((o) => faultsOf(value, o, at).length === 0) ? [] : [`${at}: none of its forms`];
  if (schema.enum) return schema.enum.includes(value) ? [] : [`${at}: ${value} is none of ${schema.enum}`];
  const types = [schema.type].flat();
  const is = { object: value !== null && typeof value === 'object' && !Array.isArray(value), array: Array.isArray(value), string: typeof value === 'string', integer: Number.isInteger(value), number: typeof value === 'number', boolean: typeof value === 'boolean', null: value === null };
  if (schema.type && !types.some((type) => is[type])) return [`${at}: ${JSON.stringify(value)?.slice(0, 40)} is no ${types}`];
  if (is.array && schema.items) return value.flatMap((v, i) => faultsOf(v, schema.items, `${at}[${i}]`));
  if (!is.object || !schema.properties) return [];
  const known = Object.entries(schema.properties);
  return [
    ...(schema.required ?? []).filter((key) => !(key in value)).map((key) => `${at}.${key} is missing`),
    ...known.filter(([key]) => key in value).flatMap(([key, s]) => faultsOf(value[key], s, `${at}.${key}`)),
    ...(schema.additionalProperties === false ? Object.keys(value).filter((key) => !(key in schema.properties)).map((key) => `${at}.${key} is not in the API`) : []),
  ];
}

let mock;
before(async () => (mock = await new MockConsole('.', { loggedIn: true }).start()));
after(() => mock.stop());

const CALLS = [
  ['GET', '/me'], ['GET', '/overview'], ['GET', '/sessions', '?limit=50'], ['GET', '/sessions/{bridge}/{session}', '', { bridge: 'sales', session: 'shop-000' }],
  ['GET', '/sessions/{bridge}/{session}/timeline', '', { bridge: 'sales', session: 'shop-000' }], ['GET', '/sessions/{bridge}/{session}/activity', '', { bridge: 'sales', session: 'shop-009' }],
  ['GET', '/events', '?limit=20'], ['GET', '/events/{seq}', '', { seq: '48210' }], ['GET', '/delivery'], ['GET', '/delivery/waiting'], ['GET', '/delivery/dead'], ['GET', '/delivery/dead/{id}', '', { id: '12' }], ['GET', '/delivery/replay/{id}', '', { id: 'r1' }],
  ['GET', '/alerts'], ['GET', '/alerts/history'], ['GET', '/bridges'], ['GET', '/doctor'], ['GET', '/audit'], ['GET', '/tokens'],
  ['POST', '/login', '', {}, { password: 'secret' }], ['POST', '/sessions/actions', '', {}, { action: 'park', sessions: [{ bridge: 'sales', session: 'shop-010' }] }], ['POST', '/pairings', '', {}, { bridge: 'sales', session: 'x' }], ['GET', '/pairings/{id}', '', { id: 'p1' }],
  ['POST', '/delivery/actions', '', {}, { action: 'retry', destination: 'crm' }], ['POST', '/delivery/replay', '', {}, { since: 1, dry_run: true }], ['POST', '/alerts/test', '', {}, { sink: 'ntfy' }], ['POST', '/bridges/{bridge}/check', '', { bridge: 'support' }], ['POST', '/bridges/{bridge}/repair', '', { bridge: 'support' }], ['GET', '/store'], ['POST', '/doctor'], ['POST', '/tokens', '', {}, { name: 'a', role: 'viewer' }],
];

for (const [method, path, query = '', names = {}, body] of CALLS) {
  test(`${method} ${path}`, async () => {
    const answer = await fetch(`${mock.url}api/v1${path.replace(/\{(\w+)\}/g, (_, name) => encodeURIComponent(names[name]))}${query}`, { method, headers: { 'x-csrf-token': 'csrf-1', 'content-type': 'application/json' }, body: method === 'POST' ? JSON.stringify(body ?? {}) : undefined });
    const described = api.paths[path][method.toLowerCase()];
    const request = described.requestBody?.content['application/json'].schema;
    if (request) assert.deepEqual(faultsOf(body ?? {}, request), []);
    const schema = resolve(described.responses[answer.status] ?? assert.fail(`${answer.status} is not described`)).content['application/json'].schema;
    assert.deepEqual(faultsOf(await answer.json(), schema).slice(0, 5), []);
  });
}
