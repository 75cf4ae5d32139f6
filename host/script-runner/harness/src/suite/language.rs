//! The language: what a script can be written with.

use crate::case::Case;

/// Expressions that are true.
const TRUE: [(&str, &str); 24] = [
    ("groupBy", "Object.groupBy([1, 2, 3], (n) => (n % 2 ? 'odd' : 'even')).odd.length === 2"),
    ("toSorted", "[3, 1, 2].toSorted().join() === '1,2,3'"),
    ("at", "[1, 2, 3].at(-1) === 3"),
    ("iterator helpers", "[1, 2, 3].values().map((n) => n * 2).toArray().join() === '2,4,6'"),
    ("lookbehind", r"'price: $42'.match(/(?<=\$)\d+/)[0] === '42'"),
    ("unicode properties", r"/^\p{Script=Han}+$/u.test('进入任务')"),
    ("named groups", r"/(?<y>\d{4})-(?<m>\d\d)/.exec('2026-11').groups.m === '11'"),
    ("normalize", r"'e\u0301'.normalize('NFC') === '\u00e9'"),
    ("BigInt", "(2n ** 64n).toString() === '18446744073709551616'"),
    ("optional chaining", "({}).a?.b?.() === undefined"),
    ("destructuring", "(({ a: [, b = 5] = [] }) => b)({}) === 5"),
    ("generators", "[...(function* () { yield* [1, 2] })()].length === 2"),
    ("private members", "new (class { #x = 4; get x() { return this.#x } })().x === 4"),
    ("tagged templates", "((s, ...v) => s.raw.join('|') + v)`a${1}b` === 'a|b1'"),
    ("symbols", "Symbol.for('a') === Symbol.for('a')"),
    ("WeakRef", "((o) => new WeakRef(o).deref() === o)({})"),
    ("typed arrays", "new Uint8Array([1, 256]).join() === '1,0'"),
    ("DataView", "new DataView(new ArrayBuffer(8)).getFloat64(0) === 0"),
    ("Proxy and Reflect", "new Proxy({}, { get: (_, name) => name }).abc === 'abc'"),
    ("labels", "(() => { a: for (;;) { for (;;) break a } return true })()"),
    ("dates are UTC", "new Date(2026, 0, 1).toISOString() === '2026-01-01T00:00:00.000Z'"),
    ("eval", "eval('1 + 1') === 2"),
    ("Function", "new Function('a', 'return a + 1')(1) === 2"),
    ("error causes", "new Error('a', { cause: 1 }).cause === 1"),
];

pub(crate) fn cases() -> Vec<Case> {
    let mut cases: Vec<Case> = TRUE
        .into_iter()
        .map(|(name, expression)| Case::body(name, &format!("return {expression}")).answers("true"))
        .collect();
    cases.extend([
        Case::body("sloppy mode", "x = 1; return this === globalThis && x").answers("1"),
        Case::script("strict mode", "'use strict'; function f() { y = 1 }")
            .process("f", "[]")
            .retries("exception", "ReferenceError: y is not defined (scripts/task.js:1:"),
        Case::script("a first line for a shell", "#!/usr/bin/env node\nfunction f() { return 1 }")
            .has(&["f"])
            .process("f", "[]")
            .answers("1"),
        Case::script("a byte order mark", "\u{FEFF}function f() { return 1 }")
            .has(&["f"])
            .process("f", "[]")
            .answers("1"),
        Case::script("arrow functions and classes", "const f = async (id, n) => n * 2; class C {}")
            .wants(&["f"])
            .process("f", "[21]")
            .answers("42")
            .process("C", "[]")
            .retries("exception", "TypeError"),
        Case::script("names in other alphabets", "function 发送() { return '好' }")
            .wants(&["发送"])
            .process("发送", "[]")
            .answers("\"好\""),
        Case::body(
            "async and await",
            "return (async () => { let n = 0; for await (const i of [1, Promise.resolve(2)]) n += i; return n })()",
        )
        .answers("3"),
        Case::body("Promise.all", "return Promise.all([1, new Promise((r) => setTimeout(r, 2, 'late'))])")
            .answers(r#"[1,"late"]"#),
        Case::body("random numbers differ", "return Math.random()")
            .answers_at_random()
            .process("f", "[]")
            .answers_at_random()
            .process("f", "[]")
            .fresh()
            .answers_at_random()
            .process("f", "[]")
            .fresh()
            .answers_at_random(),
        Case::script(
            "random numbers of the top level differ",
            "const number = Math.random(), id = crypto.randomUUID(); function f() { return number + id }",
        )
        .process("f", "[]")
        .answers_at_random()
        .process("f", "[]")
        .fresh()
        .answers_at_random(),
    ]);
    cases
}
