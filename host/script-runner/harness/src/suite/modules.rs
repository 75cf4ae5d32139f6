//! Modules and their imports.

use crate::case::Case;

pub(crate) fn cases() -> Vec<Case> {
    [imports(), refused(), all_errors()].into_iter().flatten().collect()
}

fn imports() -> Vec<Case> {
    vec![
        Case::script("exported functions", "export function f() { return 1 } export const g = () => 2; export default function () { return 3 } function h() {}")
            .wants(&["f", "g", "default"])
            .has(&["default", "f"])
            .process("f", "[]")
            .answers("1")
            .process("g", "[]")
            .answers("2")
            .process("default", "[]")
            .answers("3")
            .process("h", "[]")
            .rejects("unknown-function", "has no exported function `h`"),
        Case::script("a function that is not exported", "export const a = 1;\nfunction f() {}")
            .wants(&["f"])
            .fails("scripts/task.js:2:1", "the function `f` is not exported; write `export function f`"),
        Case::new("imports of files")
            .file("scripts/mail/send.js", "import { twice } from './twice.js'; import * as lib from '../lib/all.js'; export function f(id, n) { return [twice(n), lib.name, lib.twice(1)] }")
            .file("scripts/mail/twice.js", "export const twice = (n) => n * 2")
            .file("scripts/lib/all.js", "export { twice } from '../mail/./twice.js'; export const name = 'lib'")
            .has(&["f"])
            .process("f", "[4]")
            .answers(r#"[8,"lib",2]"#)
            .process("f", "[4]")
            .fresh()
            .answers(r#"[8,"lib",2]"#),
        Case::new("imports in a circle")
            .file("scripts/a.js", "import { b } from './b.js'; export function a(id, n) { return n > 0 ? b(n) : 'end' }")
            .file("scripts/b.js", "import { a } from './a.js'; export function b(n) { return a(0, n - 1) }")
            .process("a", "[3]")
            .answers("\"end\""),
        Case::new("functions that another file exports")
            .file("scripts/a.js", "export * from './b.js'; export { b as c } from './b.js'")
            .file("scripts/b.js", "export function b() { return 1 }")
            .wants(&["b", "c"])
            .has(&["b", "c"])
            .process("c", "[]")
            .answers("1"),
        Case::script("await at the top of a module", "const x = await new Promise((r) => setTimeout(r, 1, 5)); export function f() { return x }")
            .has(&["f"])
            .process("f", "[]")
            .answers("5"),
        Case::new("import() of a file that is imported, too")
            .file("scripts/a.js", "import './b.js'; export async function f() { return (await import('./b.js')).b }")
            .file("scripts/b.js", "export const b = 8")
            .process("f", "[]")
            .answers("8"),
        Case::new("each file runs once")
            .file("scripts/a.js", "import './c.js'; import './b.js'; export function f() { return globalThis.runs }")
            .file("scripts/b.js", "import './c.js'")
            .file("scripts/c.js", "globalThis.runs = (globalThis.runs ?? 0) + 1")
            .process("f", "[]")
            .answers("1"),
        Case::new("an error in an imported file")
            .file("scripts/a.js", "import { b } from './b.js';\nexport function f() { b() }")
            .file("scripts/b.js", "export function b() {\n  null.x;\n}")
            .process("f", "[]")
            .retries("exception", "(scripts/b.js:2:")
            .details(r#""file":"scripts/b.js","line":2"#)
            .details(r#""source":"  null.x;""#),
    ]
}

fn refused() -> Vec<Case> {
    let import = |name, line: &str, place: &str, part: &str| {
        Case::new(name).file("scripts/a/b.js", format!("\n{line}")).fails(place, part)
    };
    vec![
        import("a package", "import fs from 'fs'", "scripts/a/b.js:2:16", "`fs` cannot be imported"),
        import("a module of Node", "import fs from 'node:fs'", "scripts/a/b.js:2:16", "`node:fs` cannot be imported"),
        import("a URL", "import 'https://example.com/x.js'", "scripts/a/b.js:2:8", "cannot be imported"),
        import("an absolute path", "import '/etc/passwd'", "scripts/a/b.js:2:8", "cannot be imported"),
        import("a path out of scripts", "import '../../tasks/x.js'", "scripts/a/b.js:2:8", "leads out of `scripts/`"),
        import("TypeScript with tags", "import './x.tsx'", "scripts/a/b.js:2:8", "that can run here"),
        import(
            "no extension",
            "import './x'",
            "scripts/a/b.js:2:8",
            "no extension of a script: write the name of the file",
        ),
        import(
            "a missing file that is imported",
            "import './x.js'",
            "scripts/a/b.js:2:8",
            "there is no file `scripts/a/x.js`",
        ),
        import("attributes", "import x from './x.js' with { type: 'json' }", "scripts/a/b.js:2:15", "with attributes"),
        Case::new("a syntax error in an imported file")
            .file("scripts/a.js", "import './b.js'")
            .file("scripts/b.js", "import './c.js'")
            .file("scripts/c.js", "\n\nlet = = 1")
            .fails("scripts/c.js:3:5", "SyntaxError: variable name expected"),
        Case::new("an import that the file does not export")
            .file("scripts/a.js", "\nimport { x } from './b.js'; export function f() {}")
            .file("scripts/b.js", "export const y = 1")
            .fails("scripts/a.js:2:19", "'x'"),
        Case::script("import() of a module of Node", "async function f() { await import('fs') }")
            .process("f", "[]")
            .retries("exception", "`fs` cannot be imported"),
        Case::script("import() of a file that nothing else imports", "async function f() { await import('./b.js') }")
            .process("f", "[]")
            .retries("exception", "`scripts/b.js` is not part of the compiled script"),
        many_files(),
    ]
}

fn all_errors() -> Vec<Case> {
    let broken = |name: &str| format!("export function {name}() {{\n  return 1 +;\n}}");
    vec![
        Case::new("errors of several files")
            .file("scripts/a.js", "import './b.js';\nimport './c.js';\nimport fs from 'fs';\nimport './missing.js';\nexport function f() {}")
            .file("scripts/b.js", broken("b"))
            .file("scripts/c.js", "import './d.js';\nimport './missing.js';\nlet = = 1")
            .file("scripts/d.js", broken("d"))
            .fails("scripts/b.js:2:13", "SyntaxError")
            .fails("scripts/c.js:3:5", "SyntaxError: variable name expected")
            .fails("scripts/d.js:2:13", "SyntaxError")
            .fails("scripts/c.js:2:8", "there is no file `scripts/missing.js`")
            .fails("scripts/a.js:3:16", "`fs` cannot be imported")
            .fails("scripts/a.js:4:8", "there is no file `scripts/missing.js`"),
        Case::new("a broken entry with broken imports")
            .file("scripts/a.js", "// import './no.js'\nimport { b } from './b.js';\n\nexport function f() {\n  return b(;\n}")
            .file("scripts/b.js", broken("b"))
            .fails("scripts/a.js:5:12", "SyntaxError")
            .fails("scripts/b.js:2:13", "SyntaxError"),
        Case::new("an error that two files import is reported once")
            .file("scripts/a.js", "import './b.js';\nimport './c.js';")
            .file("scripts/b.js", "import './d.js'")
            .file("scripts/c.js", "import './d.js'")
            .file("scripts/d.js", broken("d"))
            .fails("scripts/d.js:2:13", "SyntaxError"),
        Case::new("what several files do not export")
            .file("scripts/a.js", "import { x } from './b.js';\nimport {\n  y,\n} from './c.js';\nexport function f() {}")
            .file("scripts/b.js", "import z from './c.js';\nexport const a = 1")
            .file("scripts/c.js", "export const a = 1")
            .fails("scripts/b.js:1:15", "'default' in module 'scripts/c.js'"),
        Case::new("what a file of TypeScript does not export")
            .file("scripts/a.ts", "import { T } from './b.ts';\nexport function f() {}")
            .file("scripts/b.ts", "export const a = 1")
            .fails("scripts/a.ts:1:19", "'T' in module 'scripts/b.ts'; write `import type`"),
        Case::new("imports between JavaScript and TypeScript")
            .file("scripts/a.ts", "import { b } from './b.js'; export function f() { return b() }")
            .file("scripts/b.js", "import { c } from './c.mts'; export const b = () => c + 1")
            .file("scripts/c.mts", "export const c = 1")
            .process("f", "[]")
            .answers("2"),
    ]
}

/// Files that import each other in a longer row than is compiled.
fn many_files() -> Case {
    let mut case = Case::new("too many files in a row");
    for number in 0..60 {
        let name = format!("scripts/f{number}.js");
        case = case.file(&name, format!("import './f{}.js'", number + 1));
    }
    case.fails("scripts/f31.js:1:8", "at most 32 files import each other in a row")
}
