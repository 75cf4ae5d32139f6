//! What scripts throw, and what jobs fail with.

use crate::case::Case;
use crate::runner::Role;

pub(crate) fn cases() -> Vec<Case> {
    [thrown(), decided(), places(), promises(), absent()].into_iter().flatten().collect()
}

fn thrown() -> Vec<Case> {
    let throws =
        |name, value: &str, code: &str, part: &str| Case::body(name, &format!("throw {value}")).retries(code, part);
    let no_error = "which is not an Error and does not say where it was thrown";
    vec![
        throws("an Error", "new Error('it broke')", "exception", "Error: it broke (scripts/task.js:2:"),
        throws("a TypeError", "new TypeError('no')", "exception", "TypeError: no (scripts/task.js:2:"),
        throws("an error with a code", "Object.assign(new Error('x'), { code: 'no-route' })", "no-route", "Error: x ("),
        throws(
            "a code that is no code",
            "Object.assign(new Error('x'), { code: 'ENOENT' })",
            "exception",
            "Error: x (",
        ),
        throws(
            "a class of errors",
            "new (class MyError extends Error { get name() { return 'MyError' } })('mine')",
            "exception",
            "MyError: mine (",
        ),
        throws("no message", "new RangeError()", "exception", "RangeError (scripts/task.js:2:"),
        throws("undefined", "undefined", "exception", &format!("the script threw undefined, {no_error}")),
        throws("null", "null", "exception", "the script threw null"),
        throws("a string", "'a text'", "exception", "the script threw 'a text'"),
        throws("a number", "42", "exception", "the script threw 42"),
        throws("an object", "{ a: 1 }", "exception", "the script threw { a: 1 }"),
        throws("a symbol", "Symbol('s')", "exception", "the script threw Symbol(s)"),
        throws("a proxy", "new Proxy(new Error('x'), {})", "exception", "the script threw [Proxy]"),
        throws("a DOMException", "new DOMException('gone', 'AbortError')", "exception", "gone"),
        Case::body("a cause", "throw new Error('a', { cause: new TypeError('b') })")
            .retries("exception", "Error: a (")
            .details(r#""cause":"TypeError: b""#),
        Case::body(
            "a getter in an error does not run",
            "const e = new Error('a'); Object.defineProperty(e, 'message', { get() { throw 1 } }); throw e",
        )
        .retries("exception", "Error"),
        Case::body("a message of any length", "throw new Error('x'.repeat(1e6))").retries("exception", "Error: xxx"),
        Case::body(
            "a stack that is no stack",
            "const e = new Error('a'); Object.defineProperty(e, 'stack', { value: 5 }); throw e",
        )
        .retries("exception", "Error: a"),
    ]
}

fn decided() -> Vec<Case> {
    let body = Case::body;
    vec![
        body("Reject", "throw new Reject('no-user', 'there is no user 5', { details: { user: 5 } })")
            .rejects("no-user", "there is no user 5")
            .details(r#"{"user":5}"#),
        body("Reject without throw and new", "Reject('no-user', 'gone'); return 1").rejects("no-user", "gone"),
        body("Reject without a message", "throw Reject('no-user')").rejects("no-user", "no-user"),
        body("Retry", "throw new Retry('busy', 'try later', { details: [1] })").retries("busy", "try later").details("[1]"),
        body("Retry after a time", "throw Retry('busy', 'later', { afterMs: 1500 })").retries_after(1500, "busy", "later"),
        body("Reject is an Error", "try { Reject('a', 'b') } catch (e) { return [e instanceof Error, e instanceof Reject, e.name, e.code, e.message, String(e)] }")
            .answers(r#"[true,true,"Reject","a","b","Reject: b"]"#),
        body("Reject in an async function", "return (async () => { await null; Reject('late', 'x') })()").rejects("late", "x"),
        body("a code that Reject does not take", "throw Reject('No User', 'x')").retries("exception", "Reject: the code is made of lower-case words with hyphens, such as 'not-found', not No User"),
        body("no code", "throw Reject()").retries("exception", "not undefined"),
        body("a time that Retry does not take", "throw Retry('a', 'b', { afterMs: -1 })").retries("exception", "Retry: afterMs is a number of milliseconds from 0 to 30 days, not -1"),
        body("options that are not an object", "throw Reject('a', 'b', 5)").retries("exception", "the third argument is an object"),
        body("details that are no JSON", "const a = {}; a.a = a; throw Reject('a', 'b', { details: a })")
            .rejects("a", "b")
            .details("the details are not JSON: TypeError: circular reference"),
        body("inherited options do not count", "Object.prototype.details = 1; Object.prototype.afterMs = 5; try { throw Retry('a', 'b', {}) } finally { delete Object.prototype.details; delete Object.prototype.afterMs }")
            .retries("a", "b"),
        Case::script("Reject from next", "function f() { Reject('no-ids', 'none left') }")
            .call(Role::Next, "f")
            .rejects("no-ids", "none left"),
        Case::script("an exception in a handler", "function f() { null.x }")
            .call(Role::OnAdd, "f")
            .rejects("exception", "TypeError"),
    ]
}

fn places() -> Vec<Case> {
    let text = "function f() {\n  g(1);\n}\nfunction g(n) {\n  return n.a.b;\n}\n";
    vec![
        Case::script("the place of an error", text)
            .process("f", "[]")
            .retries("exception", "(scripts/task.js:5:")
            .details(r#""file":"scripts/task.js","line":5,"column":"#)
            .details(r#""source":"  return n.a.b;""#)
            .details(r#"at g (scripts/task.js:5:"#)
            .details(r#"at f (scripts/task.js:2:"#),
        Case::script("the place after await", "async function f() {\n  await null;\n  await null;\n  null.x;\n}")
            .process("f", "[]")
            .retries("exception", "(scripts/task.js:4:"),
        Case::script(
            "the place in a callback",
            "function f() {\n  [1].map(() => {\n    throw new Error('in');\n  });\n}",
        )
        .process("f", "[]")
        .retries("exception", "Error: in (scripts/task.js:3:"),
        Case::script("the place of a call of the host", "function f() {\n\n  Process('models.user.find');\n}")
            .process("f", "[]")
            .retries("unknown-process", "(scripts/task.js:3:"),
        Case::script("the place of the prelude's errors", "function f() {\n  new URL('x');\n}")
            .process("f", "[]")
            .retries("exception", "TypeError: URL: 'x' is not a URL (scripts/task.js:2:"),
        Case::script("the place at the top level", "\n\nnull.x;\nfunction f() {}")
            .process("f", "[]")
            .retries("exception", "(scripts/task.js:3:"),
        Case::body("the place in eval is that of its caller", "eval('null.x')")
            .retries("exception", "(scripts/task.js:2:"),
    ]
}

fn promises() -> Vec<Case> {
    let body = Case::body;
    vec![
        body("a promise that nothing settles", "return new Promise(() => {})").rejects("never-settled", "nothing can settle"),
        body("a promise that waits for one", "return (async () => { await new Promise(() => {}) })()").rejects("never-settled", "nothing can settle"),
        Case::script("a top level that nothing settles", "await new Promise(() => {}); export function f() {}")
            .process("f", "[]")
            .rejects("never-settled", "nothing can settle"),
        body("a rejected promise", "return Promise.reject(new RangeError('no'))").retries("exception", "RangeError: no"),
        body("a promise rejected with nothing", "return Promise.reject()").retries("exception", "the script threw undefined"),
        body("a rejection that nothing handles", "Promise.reject(new Error('lost')); return 1")
            .answers("1")
            .events(&["error a promise was rejected and nothing handles it: Error: lost (scripts/task.js:2:20)"]),
        body("a rejection that is handled later", "const p = Promise.reject(new Error('x')); return new Promise((r) => setTimeout(r, 1)).then(() => p).catch((e) => e.message)")
            .answers("\"x\"")
            .events(&[]),
        body("an error in a microtask", "queueMicrotask(() => { throw new Error('in a microtask') }); return 1")
            .retries("exception", "Error: in a microtask"),
        body("an error in a timer", "setTimeout(() => { throw new Error('in a timer') }, 1); return new Promise(() => {})")
            .retries("exception", "Error: in a timer"),
        body("async work that nothing awaits ends with the call", "(async () => { await null; console.log('done') })(); return 1")
            .answers("1")
            .events(&["info done"]),
    ]
}

fn absent() -> Vec<Case> {
    let body = Case::body;
    vec![
        body("process.env", "return process.env.HOME")
            .retries("exception", "ReferenceError: process is not defined; this is not Node: `Env.get`"),
        body("require", "return require('fs')")
            .retries("exception", "ReferenceError: require is not defined; there are no packages"),
        body("module.exports", "module.exports = 1").retries("exception", "this is not CommonJS"),
        body("exports", "exports.f = 1").retries("exception", "this is not CommonJS"),
        body("Buffer", "return Buffer.from('x')").retries("exception", "use Uint8Array, TextEncoder"),
        body("__dirname", "return __dirname").retries("exception", "`File` has the directories"),
        body("__filename", "return __filename").retries("exception", "`File` has the directories"),
        body("XMLHttpRequest", "return new XMLHttpRequest()").retries("exception", "use `fetch`"),
        body("WebSocket", "return new WebSocket('wss://example.com')").retries("exception", "`fetch` sends requests"),
        body("window", "return window.name").retries("exception", "the global object is `globalThis`"),
        body("document", "return document.title").retries("exception", "this is not a browser"),
        body("Deno", "return Deno.cwd()").retries("exception", "this is neither Deno nor Node"),
        body("other names", "return total")
            .retries("exception", "ReferenceError: total is not defined (scripts/task.js:2:"),
        body(
            "features can be asked for",
            "return [typeof process, typeof require, typeof Buffer, typeof window, typeof Deno]",
        )
        .answers(r#"["undefined","undefined","undefined","undefined","undefined"]"#),
        body("fetch", "return fetch('https://example.com')").retries("http-not-granted", "HTTP is not granted"),
        body("fetch that is caught", "return fetch('https://x.test').catch((e) => e.code)")
            .answers("\"http-not-granted\""),
    ]
}
