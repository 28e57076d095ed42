// Builds the front end: node build.mjs OUT WORK
//   OUT    gets the files of the page, and web_files.c, which holds them gzipped as an array (web_file.h)
//   WORK   is where npm installs the packages of package-lock.json; made when it is missing or the lock file has changed
// Fails when the page is larger than LIMIT, or all files are than LIMIT_OF_ALL.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, extname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';

// The page with its largest language, gzipped: all that a visitor ever loads. Two seconds on a line of 256 kbit/s.
const LIMIT = 60 * 1024;
// All that the program holds: the page and every language. Nobody loads it whole.
const LIMIT_OF_ALL = 76 * 1024;

const TYPES = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.json': 'application/json',
  '.svg': 'image/svg+xml',
};

const here = dirname(fileURLToPath(import.meta.url));
const out = resolve(process.argv[2] ?? 'dist');
const work = resolve(process.argv[3] ?? here);

function install() {
  const lock = readFileSync(join(here, 'package-lock.json'));
  const stamp = join(work, 'node_modules', '.zapkeep-lock');
  const wanted = createHash('sha256').update(lock).digest('hex');
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted) return;
  mkdirSync(work, { recursive: true });
  if (work !== here) for (const name of ['package.json', 'package-lock.json']) copyFileSync(join(here, name), join(work, name));
  // No script of a package runs: esbuild works without its own.
  execFileSync('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'], { cwd: work, stdio: 'inherit' });
  writeFileSync(stamp, wanted);
}

function cArray(bytes) {
  const lines = [];
  for (let i = 0; i < bytes.length; i += 24) lines.push(`    ${[...bytes.subarray(i, i + 24)].join(',')},`);
  return lines.join('\n');
}

function toC(files) {
  const data = files.map((f, i) => `static const unsigned char data_${i}[] = { /* ${f.path} */\n${cArray(f.gz)}\n};\n`);
  const rows = files.map((f, i) => `    { "${f.path}", "${f.type}", "\\"${f.hash}\\"", data_${i}, sizeof data_${i} },`);
  return `/* Made by services/console/web/build.mjs. */
#include "services/console/web/web_file.h"

${data.join('\n')}
const struct web_file web_files[] = {
${rows.join('\n')}
};
const size_t web_files_n = sizeof web_files / sizeof web_files[0];
`;
}

install();
const esbuild = createRequire(join(work, 'package.json'))('esbuild');
rmSync(out, { recursive: true, force: true });
mkdirSync(out, { recursive: true });

const shared = { bundle: true, minify: true, charset: 'utf8', legalComments: 'none', logLevel: 'warning', target: ['es2022', 'chrome100', 'firefox100', 'safari15.4'] };
await esbuild.build({ ...shared, entryPoints: { app: join(here, 'src/main.js') }, outdir: out, format: 'esm', nodePaths: [join(work, 'node_modules')] });
await esbuild.build({ ...shared, entryPoints: { app: join(here, 'src/style/app.css') }, outdir: out });
copyFileSync(join(here, 'src/index.html'), join(out, 'index.html'));
copyFileSync(join(here, 'src/icon.svg'), join(out, 'icon.svg'));
// English is in the program; another language is loaded when it is chosen: its texts alone, in the order of English's keys.
const catalogue = (name) => JSON.parse(readFileSync(join(here, 'lang', name), 'utf8'));
const keys = Object.keys(catalogue('en.json'));
for (const name of readdirSync(join(here, 'lang')))
  if (name !== 'en.json') writeFileSync(join(out, `lang-${name}`), JSON.stringify(keys.map((key) => catalogue(name)[key])));

const files = readdirSync(out).sort().map((path) => {
  const bytes = readFileSync(join(out, path));
  return { path, type: TYPES[extname(path)], hash: createHash('sha256').update(bytes).digest('hex').slice(0, 16), gz: gzipSync(bytes, { level: 9 }) };
});
const isLanguage = (f) => f.path.startsWith('lang-');
const page = files.filter((f) => !isLanguage(f)).reduce((sum, f) => sum + f.gz.length, 0);
const total = page + Math.max(...files.filter(isLanguage).map((f) => f.gz.length));
for (const f of files) console.log(`${String(f.gz.length).padStart(7)}  ${f.path}`);
console.log(`${String(total).padStart(7)}  the page and one language, gzipped; at most ${LIMIT}`);
writeFileSync(join(out, 'web_files.c'), toC(files));
const all = files.reduce((sum, f) => sum + f.gz.length, 0);
console.log(`${String(all).padStart(7)}  all files, gzipped; at most ${LIMIT_OF_ALL}`);
if (all > LIMIT_OF_ALL) {
  console.error(`build.mjs: the files are ${all - LIMIT_OF_ALL} bytes over their limit of ${LIMIT_OF_ALL}`);
  process.exit(1);
}
if (total > LIMIT) {
  console.error(`build.mjs: the page is ${total - LIMIT} bytes over its limit of ${LIMIT}`);
  process.exit(1);
}
