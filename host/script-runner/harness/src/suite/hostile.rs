//! Scripts that mean harm, or look like it.

use crate::case::Case;

pub(crate) fn cases() -> Vec<Case> {
    [time(), memory(), depth(), pollution(), results()].into_iter().flatten().collect()
}

fn time() -> Vec<Case> {
    let forever = |name, body: &str| Case::body(name, body).traps("timeout");
    vec![
        forever("an endless loop", "for (;;) {}"),
        forever("an endless loop that catches", "for (;;) try { throw 1 } catch {}"),
        forever("a regular expression that explodes", "/^(a+)+$/.test('a'.repeat(40) + 'b')"),
        forever(
            "endless microtasks",
            "const again = () => queueMicrotask(again); again(); return new Promise(() => {})",
        ),
        forever("endless timers", "return new Promise((r) => { const again = () => setTimeout(again, 0); again() })"),
        forever("an endless getter in the result", "return { get a() { for (;;) {} } }"),
        forever("an endless toJSON", "return { toJSON() { for (;;) {} } }"),
        Case::body("a call after one that was stopped", "if (args[0]) for (;;) {}; return 1")
            .process("f", "[true]")
            .traps("timeout")
            .process("f", "[]")
            .answers("1"),
    ]
}

fn memory() -> Vec<Case> {
    let body = Case::body;
    vec![
        body("a string of 1 GiB", "return 'x'.repeat(2 ** 30)")
            .retries("exception", "RangeError: invalid string length (scripts/task.js:2:"),
        body("a string of 256 MiB", "return 'x'.repeat(2 ** 28)").traps("unreachable"),
        body("arrays without end", "const a = []; for (;;) a.push(new Array(1e5).fill(a))").traps("unreachable"),
        body("many small objects", "let a; for (;;) a = { a }").traps("unreachable"),
        body("a promise that runs out of memory", "return (async () => { await null; 'x'.repeat(2 ** 28) })()")
            .traps("unreachable"),
        body("a buffer of 1 GiB", "return new ArrayBuffer(2 ** 30)").traps("unreachable"),
        body(
            "another failure after memory was refused",
            "try { 'x'.repeat(2 ** 28) } catch {} throw new TypeError('mine')",
        )
        .retries("exception", "TypeError: mine (scripts/task.js:2:"),
        body("an error that only says out of memory", "throw new InternalError('out of memory')")
            .retries("exception", "InternalError: out of memory (scripts/task.js:2:"),
        body("a call after one without memory", "if (args[0]) 'x'.repeat(2 ** 28); return 1")
            .process("f", "[true]")
            .traps("unreachable")
            .process("f", "[]")
            .answers("1"),
        body(
            "memory that is caught is given back",
            "try { const a = []; for (;;) a.push('x'.repeat(1e6) + a.length) } catch {} return 1",
        )
        .answers("1"),
        body("a million lines", "for (let i = 0; i < 2e5; i++) console.log('x'.repeat(100)); return 1").answers("1"),
        body("a million jobs", "let n = 0; for (let i = 0; i < 1e5; i++) n += Process('tasks.a.add') === 0; return n")
            .refusing("budget-spent", "enough")
            .answers("100000"),
    ]
}

fn depth() -> Vec<Case> {
    let overflows = |name, body: &str| {
        Case::body(name, body).retries("exception", "Maximum call stack size exceeded (scripts/task.js:2:")
    };
    let nested = |open: &str, close: &str| format!("{}1{}", open.repeat(100_000), close.repeat(100_000));
    vec![
        overflows("endless recursion", "const g = () => g() + 1; return g()"),
        overflows("recursion through sort", "const g = () => [2, 1].sort(g); g()"),
        overflows("recursion through toString", "const o = { toString() { return '' + o } }; '' + o"),
        overflows("recursion through a getter", "const o = { get a() { return o.a } }; o.a"),
        overflows("a chain of proxies", "let p = {}; for (let i = 0; i < 1e5; i++) p = new Proxy(p, {}); p.x"),
        overflows("recursion through JSON.parse", "const g = () => JSON.parse('[1]', g); g()"),
        Case::body("recursion that is caught", "let n = 0; const g = () => { n++; g() }; try { g() } catch (e) { return [e instanceof RangeError, n > 100] }").answers("[true,true]"),
        Case::body("a pattern nested deep", "new RegExp('('.repeat(50000))").retries("exception", "SyntaxError"),
        Case::body("JSON nested deep", "JSON.parse('['.repeat(1e5))").traps("call stack exhausted"),
        Case::body("a value nested deep", "let a = []; for (let i = 0; i < 1e5; i++) a = [a]; return a").traps("call stack exhausted"),
        Case::body("a value nested deep in the log", "let a = []; for (let i = 0; i < 1e5; i++) a = [a]; console.log(a)").events(&["info [ [ [ [ [ [Array] ] ] ] ] ]"]),
        Case::body("eval nested deep", "eval('('.repeat(1e5))").traps("call stack exhausted"),
        Case::script("brackets nested deep", nested("[", "]")).compilation_traps("call stack exhausted"),
        Case::script("parentheses nested deep", nested("(", ")")).compilation_traps("call stack exhausted"),
        Case::script("blocks nested deep", nested("{", "}")).fails("scripts/task.js", "RangeError: Maximum call stack size exceeded"),
        Case::script("functions nested deep", nested("(function(){", "})")).compilation_traps("call stack exhausted"),
        Case::script("negations nested deep", nested("!", "")).compilation_traps("call stack exhausted"),
        Case::script("objects nested deep", format!("x = {}", nested("{a:", "}"))).compilation_traps("call stack exhausted"),
        Case::script("a sum of 100,000", format!("var x = {}1; function f() {{ return x }}", "1+".repeat(100_000))).process("f", "[]").answers("100001"),
    ]
}

fn pollution() -> Vec<Case> {
    vec![
        Case::body("JSON and prototypes that are replaced", "JSON.stringify = () => 'x'; JSON.parse = null; Array.prototype.map = Array.prototype.join = Array.prototype.push = null; Object.keys = Object.defineProperty = null; if (globalThis.Promise) Promise.prototype.then = () => {}; globalThis.Promise = null; Function.prototype.call = Function.prototype.apply = null; Map.prototype.get = Map.prototype.set = null; return Process('tasks.a.add', { b: [1] })")
            .answers("1001")
            .events(&[r#"add-with a [{"b":[1]}] {"key":"test/7/process/0"}"#])
            .process("f", "[1]")
            .answers("1002"),
        Case::body("async functions without Promise", "globalThis.Promise = undefined; return (async () => { await null; return 4 })()").answers("4"),
        Case::body("properties of all objects", "Object.prototype.x = 1; Object.prototype.response = 'y'; return [Process('tasks.a.get', 7), fmt.Sprintf('%v', {})]")
            .answers(r#"[{"id":7,"status":"RUNNING","current":1,"curr":1,"total":2,"message":"half","response":{"a":[1]}},"{}"]"#),
        Case::body("setters of all objects", "for (const name of ['id', 'status', 'code', '0', '1']) Object.defineProperty(Object.prototype, name, { set(v) { console.log('set', name) }, configurable: true }); try { Process('tasks.a.get', 8) } catch (e) { return [Process('tasks.a.get', 7).id, e.code] }")
            .answers(r#"[7,"unknown-job"]"#)
            .events(&["get a 8", "get a 7"]),
        Case::script("toJSON of all objects does not reach the next job", "let n = 0; function f() { n++; if (n === 1) Object.prototype.toJSON = () => 'mine'; return [n, Process('tasks.a.add', { b: 1 })] }")
            .process("f", "[]")
            .answers("\"mine\"")
            .events(&[
                r#"add-with a ["mine"] {"key":"test/7/process/0"}"#,
                "warn the script set Object.prototype.toJSON, which would change the next job's calls; the next job gets a fresh context",
            ])
            .process("f", "[]")
            .answers("\"mine\""),
        Case::script("toJSON of arrays that cannot be removed", "function f(id, bad) { if (bad) Object.defineProperty(Array.prototype, 'toJSON', { value: () => 'mine' }); return [1] }")
            .process("f", "[true]")
            .answers("\"mine\"")
            .process("f", "[false]")
            .answers("[1]")
            .events(&[]),
        Case::script("then of all objects", "function f(id, bad) { if (bad) Object.prototype.then = function (r) { r('mine') }; return { a: 1 } }")
            .process("f", "[true]")
            .process("f", "[false]")
            .answers(r#"{"a":1}"#),
        Case::script("toJSON of BigInt is allowed", "BigInt.prototype.toJSON = function () { return String(this) }; function f() { return 10n }")
            .process("f", "[]")
            .answers("\"10\"")
            .events(&[]),
        Case::body("what the runner shows in messages", "Error.prototype.name = 5; Error.prototype.toString = () => { throw 1 }; String.prototype.trim = String.prototype.indexOf = null; throw new Error('still here')")
            .retries("exception", "Error: still here (scripts/task.js:2:"),
        Case::body("prepareStackTrace", "Error.prepareStackTrace = () => { throw 1 }; throw new Error('x')").retries("exception", "Error: x"),
        Case::body("the prelude's own names", "return ['native', 'PRELUDE', 'saggar'].filter((n) => n in globalThis)").answers("[]"),
        Case::body("globals that are replaced", "globalThis.Process = () => 5; console.log = () => {}; setTimeout = null; return Process()").answers("5"),
    ]
}

fn results() -> Vec<Case> {
    vec![
        Case::body(
            "a result that lies about its length",
            "return new Proxy([], { get: (_, name) => (name === 'length' ? 2 ** 53 : 1) })",
        )
        .traps("timeout"),
        Case::body("a revoked proxy", "const { proxy, revoke } = Proxy.revocable({}, {}); revoke(); return proxy")
            .rejects("invalid-response", "TypeError"),
        Case::body(
            "throwing a revoked proxy",
            "const { proxy, revoke } = Proxy.revocable({}, {}); revoke(); throw proxy",
        )
        .retries("exception", "the script threw [Proxy]"),
        Case::body("a finalizer", "new FinalizationRegistry(() => { throw 1 }).register({}, 1); return 1").answers("1"),
        Case::body("an error that throws itself", "const e = new Error('x'); e.cause = e; throw e")
            .retries("exception", "Error: x"),
        Case::body("SharedArrayBuffer and Atomics", "return [typeof Atomics.wait, typeof SharedArrayBuffer]"),
    ]
}
