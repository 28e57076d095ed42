// The keyboard: pages add their own keys while they are shown.
import { useEffect, useRef } from './ui/preact.js';

const layers = [];

const typing = (target) => target.closest?.('input, textarea, select, [contenteditable]');

addEventListener('keydown', (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
  if (document.querySelector('dialog[open]')) return; // a dialog has its own
  if (typing(event.target)) {
    if (event.key === 'Escape') {
      event.target.blur();
      event.preventDefault();
    }
    return;
  }
  if (event.key === '/') {
    const field = document.querySelector('[data-search]');
    if (field) {
      event.preventDefault();
      field.focus();
      field.select();
    }
    return;
  }
  for (let i = layers.length - 1; i >= 0; i--) {
    const act = layers[i].current[event.key];
    if (act && act(event) !== false) {
      event.preventDefault();
      return;
    }
  }
});

// useKeys({ j: () => …, Escape: () => … }): a function that returns false lets the others have the key. The map of the newest
// drawing counts, so that two keys in quick succession see each other's effect.
export function useKeys(map) {
  const layer = useRef(map);
  layer.current = map;
  useEffect(() => {
    layers.push(layer);
    return () => layers.splice(layers.indexOf(layer), 1);
  }, []);
}
