// An event as a command line: posts the same bytes once more.

const quote = (text) => `'${String(text).replace(/'/g, `'\\''`)}'`;

// curl(url, body, headers): for a POSIX shell; nothing of the event can leave its quotes.
export function curl(url, body, headers = {}) {
  const lines = [`curl -X POST ${quote(url)}`, `-H 'content-type: application/json'`];
  for (const [name, value] of Object.entries(headers)) lines.push(`-H ${quote(`${name}: ${value}`)}`);
  lines.push(`--data-raw ${quote(body)}`);
  return lines.join(' \\\n  ');
}
