// The conformance guest as a script. `../README.md` says what each function does. A script knows neither the number of its
// attempt nor the rest of the context, so it counts the calls for a job itself; one instance runs all attempts.

const calls = new Map();

function attempt(id) {
  calls.set(id, (calls.get(id) ?? 0) + 1);
  return calls.get(id);
}

function orCode(request) {
  try {
    return request();
  } catch (error) {
    return error.code;
  }
}

function echo(id, value) {
  return value;
}

function nothing() {}

function unicode() {
  return 'ünï 日本語 👩‍🚀 " \\ \0 end';
}

function progress(id) {
  Process('tasks.progress.progress', id, 1, 2, 'half');
  Process('tasks.progress.progress', id, 2, 2, 'done ✓');
  return 'reported';
}

function levels() {
  console.debug('at debug');
  console.info('at info');
  console.warn('at warn');
  console.error('at error');
}

function reject() {
  throw new Reject('no-page', 'page 7 does not exist', { details: { page: 7 } });
}

function retry(id) {
  const number = attempt(id);
  if (number === 1) throw new Retry('busy', 'attempt 1 is busy', { details: { attempt: 1 } });
  return number;
}

function later(id) {
  const number = attempt(id);
  if (number === 1) throw new Retry('not-yet', 'a moment', { afterMs: 1 });
  return number;
}

function broken() {
  throw new Error('it is broken');
}

function children(id) {
  const ids = [Process('tasks.journal.add', 'first'), Process('tasks.journal.add', 'second')];
  if (attempt(id) === 1) throw new Retry('busy', 'attempt 1 fails after it has added its jobs');
  return ids;
}

function options() {
  return [
    Process('tasks.journal.addWith', { key: 'the only one' }, 'keyed'),
    Process('tasks.journal.addWith', { key: 'the only one' }, 'keyed'),
    Process('tasks.journal.addWith', { key: null }, 'free'),
    Process('tasks.journal.addWith', { key: null }, 'free'),
    Process('tasks.journal.addWith', { delay_ms: 3_600_000, priority: 7 }, 'late'),
  ];
}

async function exchange(id, url) {
  const headers = { authorization: 'Bearer $SECRET.it', 'content-type': 'application/json' };
  try {
    const response = await fetch(url, { method: 'POST', headers, body: JSON.stringify({ a: 'ü' }) });
    return [response.status, response.headers.get('X-Echo'), await response.json()];
  } catch (error) {
    return error.code;
  }
}

function lookup(id, task, wanted) {
  const { id: found, status, current, total, message, response } = Process(`tasks.${task}.get`, wanted);
  return { id: found, status: status.toLowerCase(), current, total, message, response };
}

function cancel(id, task, wanted) {
  return orCode(() => {
    Process(`tasks.${task}.cancel`, wanted);
    return 'cancelled';
  });
}

function unknown() {
  return orCode(() => Process('tasks.nowhere.add'));
}

function passed() {
  return Process('tasks.nowhere.add');
}

function ident(id) {
  return String(id);
}

function random() {
  return Math.random();
}

function ledger() {
  const none = KV.get('ledger/none') ?? null;
  const first = KV.swap('ledger/a', null, 'one');
  const second = KV.swap('ledger/a', null, 'two');
  const third = KV.swap('ledger/a', first, 'two');
  const value = KV.get('ledger/a');
  const sums = [KV.increment('ledger/n', 5), KV.increment('ledger/n', -7)];
  KV.set('ledger/text', 'x', { ttlMs: 3_600_000 });
  const refused = orCode(() => {
    KV.increment('ledger/text');
    return 'none';
  });
  const keys = KV.keys('ledger/');
  const removed = [KV.remove('ledger/a'), KV.remove('ledger/a')];
  return [none, first !== null, second !== null, third !== null, value, ...sums, refused, keys, ...removed];
}

function stored(id, key, value) {
  return orCode(() => {
    KV.set(key, value);
    return KV.get(key);
  });
}

function kept(id, key) {
  return orCode(() => KV.get(key) ?? null);
}

function variable(id, name) {
  return Env.get(name) ?? null;
}

function orRefused(use) {
  const result = orCode(() => [use()]);
  return typeof result === 'string' ? 'refused' : result[0];
}

function written(id, path, content) {
  return orRefused(() => {
    File.write(path, content);
    return File.read(path);
  });
}

function contents(id, path) {
  return orRefused(() => File.read(path));
}

function counter() {}

function fixed() {
  return 4711;
}

function large() {
  return 2n ** 53n + 1n;
}

function exhausted() {
  throw new Retry('no-ids', 'no ids are left');
}

function added(id) {
  console.info(`added ${id}`);
}

function progressed(id, current, total, message) {
  console.info(`progressed ${id} ${current}/${total} ${message}`);
}

function succeeded(id, response) {
  console.info(`succeeded ${id} ${JSON.stringify(response)}`);
}

function repeated() {
  Process('tasks.journal.add', 'succeeded');
  throw new Retry('as-asked', 'the handler fails');
}

// A script gets the message alone.
function failed(id, message) {
  console.info(`failed ${id} ${message}`);
}
