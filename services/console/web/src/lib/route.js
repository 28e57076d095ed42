// Addresses: "#/sessions?state=lost&q=shop". The fragment never reaches a server, so the console works under any base path.

// parse(hash): { path: ['session', 'main', 'alice'], query: { tab: 'x' } }. A part that is not percent-encoded well stays as it is.
export function parse(hash) {
  const [path, query = ''] = hash.replace(/^#\/?/, '').split(/\?(.*)/s);
  return { path: path.split('/').filter(Boolean).map(decode), query: Object.fromEntries(new URLSearchParams(query)) };
}

function decode(part) {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

// build(['session', 'main', 'a/b'], { tab: 'x' }): "#/session/main/a%2Fb?tab=x". Empty values are left out.
export function build(path, query = {}) {
  const kept = Object.entries(query).filter(([, v]) => v !== undefined && v !== null && v !== '' && v !== false);
  const search = new URLSearchParams(kept.map(([k, v]) => [k, String(v)])).toString();
  return `#/${path.map(encodeURIComponent).join('/')}${search ? `?${search}` : ''}`;
}

export const sessionLink = (bridge, id, query) => build(['session', bridge, id], query);
