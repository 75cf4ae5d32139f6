// Sends webhooks: each event is a signed POST request, which is sent again later if the receiver says so.

const MAX_AFTER_MS = 24 * 3600 * 1000;
const RETRIED = [408, 425, 429];

// `$HMAC.webhook` stands for the signature of the time and the body: the host makes it, and the script never has the key. The
// id of the job tells the receiver that it has the event already.
async function Send(id, receiver, event) {
  if (!receiver) throw Reject('no-receiver', 'an event needs the URL of its receiver');
  const response = await fetch(receiver, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      'x-webhook-id': `${id}`,
      'x-webhook-timestamp': `${Math.floor(Date.now() / 1000)}`,
      'x-webhook-signature': 'v1=$HMAC.webhook',
    },
    body: JSON.stringify(event),
    timeoutMs: 10_000,
  });
  const { ok, status } = response;
  if (ok) return { status };
  const message = `the receiver answered with the status ${status}`;
  const details = { status };
  if (status < 500 && !RETRIED.includes(status)) throw Reject('http-status', message, { details });
  throw Retry('http-status', message, { afterMs: afterMs(response.headers.get('retry-after')), details });
}

// Receivers send a number of seconds, or a date. Without either, the task says when the next attempt follows.
function afterMs(after) {
  const ms = /^\d+$/.test(after ?? '') ? Number(after) * 1000 : Date.parse(after ?? '') - Date.now();
  return Number.isFinite(ms) ? Math.min(Math.max(ms, 0), MAX_AFTER_MS) : undefined;
}
