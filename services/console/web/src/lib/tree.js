// JSON as the rows of a tree.

export const PATH_ROOT = '$';

const isBranch = (v) => v !== null && typeof v === 'object';

// flatten(value, isOpen, max): [{ path, depth, key, value, branch: '', '{' or '[', size, open }], at most @max rows.
// isOpen(path, depth) decides for each branch.
export function flatten(value, isOpen, max = 2000) {
  const rows = [];
  const walk = (v, key, path, depth) => {
    if (rows.length >= max) return;
    const branch = !isBranch(v) ? '' : Array.isArray(v) ? '[' : '{';
    const size = branch ? Object.keys(v).length : 0;
    const open = branch !== '' && size > 0 && isOpen(path, depth);
    rows.push({ path, depth, key, value: v, branch, size, open });
    if (!open) return;
    for (const [k, child] of Object.entries(v)) walk(child, k, `${path}/${k}`, depth + 1);
  };
  walk(value, null, PATH_ROOT, 0);
  return rows;
}

// parseBody(text): the JSON that a body is, or the text itself.
export function parseBody(text) {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
