//! What is found when an app is loaded: errors with their places, and missing functions.

use crate::case::Case;
use crate::damage::{Damage, PLACES};

pub(crate) fn cases() -> Vec<Case> {
    [syntax(), functions(), nothing_runs(), damaged()].into_iter().flatten().collect()
}

fn syntax() -> Vec<Case> {
    let broken = |name, text: &str, place: &str, part: &str| Case::script(name, text).fails(place, part);
    vec![
        broken(
            "a syntax error",
            "function f() {\n  return 1 +;\n}",
            "scripts/task.js:2:13",
            "SyntaxError: unexpected token in expression: ';'",
        ),
        broken("an open brace", "function f() {", "scripts/task.js:1:15", "SyntaxError"),
        broken("an open string", "var a = 'x\n", "scripts/task.js:1:9", "SyntaxError"),
        broken("two declarations", "let a;\nlet a;", "scripts/task.js:2:6", "SyntaxError"),
        broken("a broken regular expression", "var a = /(/", "scripts/task.js", "SyntaxError: expecting"),
        broken("TypeScript in a file of JavaScript", "function f(a: number) {}", "scripts/task.js:1:13", "SyntaxError"),
        broken("a NUL character", "var a;\nvar b = '\0'", "scripts/task.js", "line 2 has a NUL character"),
        Case::new("a missing file").file("scripts/a.js", "").file("scripts/b.js", "").has(&[]),
        Case::new("a file of TypeScript, without types").file("scripts/a.ts", "function f() {}").has(&["f"]),
        Case::new("a file of no known kind")
            .file("scripts/a.txt", "")
            .fails("scripts/a.txt", "no extension of a script"),
        Case::new("a file of CommonJS").file("scripts/a.cjs", "").fails("scripts/a.cjs", "that can run here"),
        Case::new("declarations of TypeScript")
            .file("scripts/a.d.ts", "")
            .fails("scripts/a.d.ts", "write `import type`"),
        Case::new("a file outside of scripts").file("tasks/a.js", "").fails("tasks/a.js", "is not below `scripts/`"),
        Case::script("an empty file", "").has(&[]),
    ]
}

fn functions() -> Vec<Case> {
    vec![
        Case::script("declared functions", "function b() {} async function a() {} function* c() {} var d = 1; let e")
            .has(&["a", "b", "c"]),
        Case::script("a missing function", "function Send() {} function OnAdd() {}")
            .wants(&["Snd"])
            .fails("scripts/task.js", "there is no function `Snd`; did you mean `Send`? It has `OnAdd`, `Send`"),
        Case::script("a function in another case", "function NextID() {}")
            .wants(&["NextId"])
            .fails("scripts/task.js", "did you mean `NextID`?"),
        Case::script("several missing functions", "function f() {}")
            .wants(&["f", "one", "two"])
            .fails("scripts/task.js", "`one`")
            .fails("scripts/task.js", "`two`"),
        Case::script("a file without functions", "var a = 1").wants(&["f"]).fails("scripts/task.js", "it has none"),
        Case::script("no name of a function", "function f() {}").wants(&["a b"]).fails("scripts/task.js", "`a b`"),
        Case::script("a global of every script", "function f() {}").wants(&["Process"]).fails("scripts/task.js", "`Process`"),
        Case::script("functions that only running shows", "var a = function () { return 1 }; let b = () => 2; const c = () => 3; d = () => 4; globalThis['e'] = () => 5")
            .wants(&["a", "b", "c", "d", "e"])
            .has(&[])
            .process("a", "[]")
            .answers("1")
            .process("b", "[]")
            .answers("2")
            .process("c", "[]")
            .answers("3")
            .process("d", "[]")
            .answers("4")
            .process("e", "[]")
            .answers("5"),
        Case::script("a name that is no function", "var a = 1; function Send() {}")
            .wants(&["a"])
            .process("a", "[]")
            .rejects("unknown-function", "`scripts/task.js` has no function `a`; it has `Send`"),
        Case::script("a function that is not there at the call", "function Send() {}")
            .process("Sent", "[]")
            .rejects("unknown-function", "did you mean `Send`?")
            .process("Process", "[]")
            .rejects("unknown-function", "`Process`")
            .process("toString", "[]")
            .rejects("unknown-function", "`toString`")
            .process("a.b", "[]")
            .rejects("unknown-function", "`a.b`")
            .process("Send", "[]")
            .answers("null"),
        Case::script("a function that replaces a global", "function fetch() { return 'mine' }")
            .wants(&["fetch"])
            .has(&["fetch"])
            .process("fetch", "[]")
            .answers("\"mine\""),
    ]
}

fn nothing_runs() -> Vec<Case> {
    vec![
        Case::script(
            "nothing runs while a script is compiled",
            "console.log(1); Process('tasks.a.add'); for (;;) {}; function f() {}",
        )
        .has(&["f"]),
        Case::new("nothing runs while modules are compiled")
            .file("scripts/a.mjs", "import { b } from './b.mjs'; console.log(b); export function f() { return b }")
            .file("scripts/b.mjs", "console.log('b'); for (;;) {}; export const b = 1")
            .has(&["f"]),
    ]
}

/// Compiled code that was tampered with. The checksum finds what happens by mistake; for the rest there is the sandbox, and
/// whatever such code does, the next instance works.
fn damaged() -> Vec<Case> {
    let text = "function f() { let n = 0; for (const word of ['a', 'bc']) n += word.length; return n }";
    let whole = |name| Case::script(name, text).process("f", "[]").answers("3");
    let refused = |name, damage| {
        let case = whole(name).process("f", "[]").damaged(damage);
        let case = case.rejects("invalid-bytecode", "the compiled code of `scripts/task.js` is damaged");
        case.process("f", "[]").fresh().answers("3")
    };
    let ends = |case: Case, damage| {
        let case = case.process("f", "[]").damaged(damage).ends();
        case.process("f", "[]").fresh().answers("3")
    };
    vec![
        refused("a damaged file", Damage::Bit),
        refused("code that is cut off", Damage::Cut),
        refused("code that is gone", Damage::Emptied),
        ends(whole("code of another kind"), Damage::Relabelled),
        (0..PLACES).map(Damage::Forged).fold(whole("code with a forged checksum"), ends),
    ]
}
