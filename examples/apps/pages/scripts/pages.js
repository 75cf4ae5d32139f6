// Fetches pages, and keeps what they are about for an hour. A page that is kept is not fetched again.

const KEPT_FOR_MS = 3600 * 1000;
const RETRIED = [408, 425, 429];

async function Fetch(id, url) {
  const key = `pages/${url}`;
  const kept = KV.get(key);
  if (kept) return { ...kept, kept: true };
  const response = await fetch(url, { headers: { accept: 'text/html' } });
  const { ok, status } = response;
  if (!ok) {
    const Failure = status < 500 && !RETRIED.includes(status) ? Reject : Retry;
    throw new Failure('http-status', `the server answered with the status ${status}`, { details: { status } });
  }
  const html = await response.text();
  const page = { title: title(html), bytes: new TextEncoder().encode(html).length };
  // The plugin keeps the same, so each finds what the other one has fetched.
  KV.set(key, page, { ttlMs: KEPT_FOR_MS });
  KV.increment('pages/fetched');
  return { ...page, kept: false };
}

function title(html) {
  const [, inner = ''] = /<title>(.*?)<\/title>/s.exec(html) ?? [];
  return inner.trim();
}
