// Builds the front end: node build.mjs OUT WORK
//   OUT    gets the files of the page, and web_files.c, which holds them gzipped as an array (web_file.h)
//   WORK   is where npm installs the packages of package-lock.json; made when it is missing or the lock file has changed
// Fails when all files together are larger than LIMIT.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, extname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { catalogue, catalogueModule, orderOf, withNumbers } from './build_texts.mjs';

// All files, gzipped: the page and every language. A visitor loads the page and one language, about three quarters of it.
const LIMIT = 66 * 1024;

const TYPES = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.txt': 'text/plain; charset=utf-8',
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
const need = createRequire(join(work, 'package.json'));
const [esbuild, terser, zopfli] = ['esbuild', 'terser', '@gfx/zopfli'].map(need);
// Smaller than gzip -9 by a twentieth, and a gzip stream as any other.
const gzip = (bytes) => new Promise((done, fail) => zopfli.gzip(bytes, {}, (error, gz) => (error ? fail(error) : done(gz))));
rmSync(out, { recursive: true, force: true });
mkdirSync(out, { recursive: true });

const order = orderOf(here);
const texts = {
  name: 'texts',
  setup(build) {
    build.onLoad({ filter: /lang.en\.json$/ }, () => ({ loader: 'js', contents: catalogueModule(here, order) }));
    build.onLoad({ filter: /web.src.*\.js$/ }, ({ path }) => ({ loader: 'jsx', contents: withNumbers(readFileSync(path, 'utf8'), order) }));
  },
};
const shared = { bundle: true, minify: true, charset: 'utf8', legalComments: 'none', logLevel: 'warning', target: ['es2022', 'chrome100', 'firefox100', 'safari15.4'] };
const jsx = { jsxFactory: 'h', jsxFragment: 'Fragment' };
const script = await esbuild.build({ ...shared, ...jsx, entryPoints: [join(here, 'src/main.js')], format: 'esm', nodePaths: [join(work, 'node_modules')], plugins: [texts], write: false });
const smaller = await terser.minify(script.outputFiles[0].text, { module: true, ecma: 2020, compress: { passes: 3, ecma: 2020, pure_getters: true }, format: { ecma: 2020 } });
writeFileSync(join(out, 'app.js'), smaller.code);
await esbuild.build({ ...shared, entryPoints: { app: join(here, 'src/style/app.css') }, outdir: out });
copyFileSync(join(here, 'src/index.html'), join(out, 'index.html'));
copyFileSync(join(here, 'src/icon.svg'), join(out, 'icon.svg'));
// English is in the program; another language is loaded when it is chosen: its texts alone, in the order of English's.
for (const name of readdirSync(join(here, 'lang')))
  if (name !== 'en.json') writeFileSync(join(out, name.replace(/^(.*).json$/, 'lang-$1.txt')), order.keys.map((key) => catalogue(here, name)[key]).join('\n'));

const files = await Promise.all(readdirSync(out).sort().map(async (path) => {
  const bytes = readFileSync(join(out, path));
  return { path, type: TYPES[extname(path)], hash: createHash('sha256').update(bytes).digest('hex').slice(0, 16), gz: await gzip(bytes) };
}));
writeFileSync(join(out, 'web_files.c'), toC(files));
const sum = (list) => list.reduce((n, f) => n + f.gz.length, 0);
const languages = files.filter((f) => f.path.startsWith('lang-')).sort((a, b) => b.gz.length - a.gz.length);
for (const f of files) console.log(`${String(f.gz.length).padStart(7)}  ${f.path}`);
console.log(`${String(sum(files) - sum(languages.slice(1))).padStart(7)}  the page and its largest language, gzipped`);
console.log(`${String(sum(files)).padStart(7)}  all files, gzipped; at most ${LIMIT}`);
if (sum(files) > LIMIT) {
  console.error(`build.mjs: the files are ${sum(files) - LIMIT} bytes over their limit of ${LIMIT}`);
  process.exit(1);
}
