// Questions before something is changed.
import { t } from '../lib/i18n.js';
import { createStore, toast, useStore } from '../store.js';
import { h, useEffect, useRef, useState } from './preact.js';
import { Icon } from './icon.js';

export function Dialog({ title, onClose, children, wide }) {
  const element = useRef(null);
  useEffect(() => {
    element.current.showModal();
  }, []);
  return <dialog ref={element} class={wide ? 'wide' : ''} aria-labelledby="dialog-title" onClose={onClose}
    onClick={(e) => e.target === element.current && onClose()}>
    <div class="dialog">
      <header><h2 id="dialog-title">{title}</h2>
        <button class="icon-button" aria-label={t('action.close')} onClick={onClose}><Icon name="close" /></button></header>
      {children}
    </div>
  </dialog>;
}

const question = createStore(null);

// Resolves to true, or to the text that was typed (with @input), or to null. @word has to be typed before the button works.
export const ask = (options) => new Promise((resolve) => question.set({ ...options, resolve }));

function QuestionForm({ q, done }) {
  const [typed, setTyped] = useState('');
  const ready = !q.word || typed.trim() === q.word;
  return <Dialog title={q.title} onClose={() => done(null)}>
    <form onSubmit={(e) => (e.preventDefault(), ready && done(q.input ? typed : true))}>
      {q.text && <p>{q.text}</p>}
      {q.detail && <p class="faint">{q.detail}</p>}
      {q.word && <label class="field"><span>{t('dialog.type', { word: q.word })}</span>
        <input autofocus autocomplete="off" spellcheck={false} value={typed} onInput={(e) => setTyped(e.target.value)} /></label>}
      {q.input && <label class="field"><span>{q.input}</span>
        <input autofocus autocomplete="off" maxlength="200" value={typed} onInput={(e) => setTyped(e.target.value)} /></label>}
      <div class="buttons">
        <button type="button" onClick={() => done(null)}>{t('action.cancel')}</button>
        <button class={q.danger ? 'danger' : 'primary'} disabled={!ready} autofocus={!q.word && !q.input}>{q.button}</button>
      </div>
    </form>
  </Dialog>;
}

export function Question() {
  const q = useStore(question);
  if (!q) return null;
  const done = (answer) => {
    question.set(null);
    q.resolve(answer);
  };
  return <QuestionForm q={q} done={done} key={q.title} />;
}

// Runs a change of a button; its error is shown, and so is its success when @text says it.
export async function attempt(change, text) {
  try {
    const answer = await change();
    if (text) toast(typeof text === 'function' ? text(answer) : text);
    return answer;
  } catch (error) {
    toast(error.message, 'bad');
    return undefined;
  }
}

// A button that cannot be pressed twice while its change runs.
export function ActionButton({ run, children, kind = '', ...rest }) {
  const [busy, setBusy] = useState(false);
  const alive = useRef(true);
  useEffect(() => () => (alive.current = false), []);
  const press = async () => {
    setBusy(true);
    await run();
    if (alive.current) setBusy(false);
  };
  return <button class={kind} disabled={busy} aria-busy={busy} onClick={press} {...rest}>{children}</button>;
}
