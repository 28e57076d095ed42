// The two screenshots of README.md, from real services: node tests/browser/screenshots.mjs FOLDER
import { createServer } from 'node:http';
import { join } from 'node:path';
import { close, go, newPage, until } from './harness.mjs';
import { PASSWORD, Stack } from './stack.mjs';

const folder = process.argv[2] ?? '.';
// A backend that takes everything, and one that is being updated.
const backend = createServer((request, response) => request.resume().on('end', () => response.writeHead(204).end())).listen(0, '127.0.0.1');
await new Promise((done) => backend.once('listening', done));
const stack = new Stack({ RECONNECT_INTERVAL: '300s', BACKEND_URL: `http://127.0.0.1:${backend.address().port}` });
try {
  await stack.all('--sessions', '24', '--rate', '6');
  stack.start('forward', 'zapkeep-forward');
  for (const [session, code] of [['demo-3', 401], ['demo-7', 440], ['demo-11', 403]]) await stack.control('POST', `/drop?session=${session}&code=${code}`);
  await new Promise((done) => setTimeout(done, 75000)); // a whole minute of messages
  const page = await newPage({ width: 1180, height: 720 });
  await go(page, stack.url, '');
  await page.fill('input[type=password]', PASSWORD);
  await page.click('button.primary');
  await page.waitForSelector('.problems');
  await page.mouse.move(5, 500);
  await page.screenshot({ path: join(folder, 'console-overview.png') });
  await go(page, stack.url, '#/sessions');
  await until(async () => (await page.locator('.sessions tbody tr').count()) > 10, 'the sessions are listed');
  await page.screenshot({ path: join(folder, 'console-sessions.png') });
} finally {
  await close();
  await stack.close();
  backend.close();
}
