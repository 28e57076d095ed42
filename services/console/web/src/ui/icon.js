// Small pictures: a state is never shown by colour alone.
import { h } from './preact.js';

const SHAPES = {
  ok: <circle cx="8" cy="8" r="5" fill="currentColor" />,
  busy: <circle cx="8" cy="8" r="4.2" fill="none" stroke="currentColor" stroke-width="2.4" stroke-dasharray="6.6 2.2" />,
  warn: <path d="M8 2.2 14.6 13.6H1.4Z" fill="currentColor" />,
  bad: <rect x="2.6" y="2.6" width="10.8" height="10.8" rx="1.6" fill="currentColor" />,
  off: <path d="M3 8h10" stroke="currentColor" stroke-width="2.6" stroke-linecap="round" />,
  qr: <path d="M2.5 2.5h4v4h-4zM9.5 2.5h4v4h-4zM2.5 9.5h4v4h-4zM10 10h3.5v3.5" fill="none" stroke="currentColor" stroke-width="1.7" />,
  search: <path d="M7 2.5a4.5 4.5 0 1 0 0 9 4.5 4.5 0 0 0 0-9ZM10.4 10.4l3.4 3.4" fill="none" stroke="currentColor" stroke-width="1.6" stroke-linecap="round" />,
  close: <path d="m4 4 8 8m0-8-8 8" stroke="currentColor" stroke-width="1.7" stroke-linecap="round" />,
  menu: <path d="M2 4h12M2 8h12M2 12h12" stroke="currentColor" stroke-width="1.6" stroke-linecap="round" />,
  next: <path d="m6 3.5 4.5 4.5L6 12.5" fill="none" stroke="currentColor" stroke-width="1.7" stroke-linecap="round" stroke-linejoin="round" />,
  pause: <path d="M5 3.5v9M11 3.5v9" stroke="currentColor" stroke-width="2.2" stroke-linecap="round" />,
};

export const Icon = ({ name }) => <svg class="icon" viewBox="0 0 16 16" aria-hidden="true" focusable="false">{SHAPES[name]}</svg>;

// A word with its shape and colour: <Tag tone="bad">down</Tag>.
export const Tag = ({ tone = 'off', shape, children, title }) =>
  <span class={`tag t-${tone}`} title={title}><Icon name={shape ?? tone} />{children}</span>;
