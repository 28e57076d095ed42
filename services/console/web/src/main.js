import { get } from './api.js';
import { App } from './app.js';
import { startPrefs } from './prefs.js';
import { me } from './store.js';
import { h, render } from './ui/preact.js';

await startPrefs();
try {
  me.set(await get('/me'));
} catch (error) {
  if (error.status !== 401) me.set(null);
}
const root = document.getElementById('app');
root.replaceChildren();
render(<App />, root);
