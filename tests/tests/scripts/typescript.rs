//! Scripts in TypeScript: they run as they are, with the places of their errors.

use saggar::CodeFile;
use saggar_tests::app::App;
use saggar_tests::host::TestHost;
use saggar_tests::program::saggar_on;
use serde_json::{Value, json};

/// A script with what TypeScript has that can be erased.
const SCRIPT: &str = "\
import { greet } from './lib/greet.ts';
import { punctuation } from './lib/punctuation.js';
import type { Options } from './lib/options.ts';

interface Person { name: string; age?: number }
type Greeting = ReturnType<typeof greet>;

abstract class Base<T> {
  protected abstract say(what: T): string;
  private readonly count: number = 1;
  twice(what: T): string { return this.say(what).repeat(this.count + 1); }
}

class Greeter extends Base<Person> implements Iterable<string> {
  declare unused: string;
  protected override say({ name }: Person): string { return greet(name!) + (punctuation as string); }
  *[Symbol.iterator](): Generator<string> { yield this.twice({ name: 'x' }); }
}

export async function run<T extends Person>(id: number, person: T, options?: Options): Promise<Greeting> {
  const greeter = new Greeter() satisfies Base<Person>;
  return greeter.twice(person) + (options?.end ?? '');
}
";

fn app() -> App {
    App::new()
        .file("scripts/it.ts", SCRIPT)
        .file("scripts/lib/greet.ts", "export const greet = (name: string): string => `hello ${name}`;\n")
        .file("scripts/lib/punctuation.js", "import { mark } from './mark.mts';\nexport const punctuation = mark;\n")
        .file("scripts/lib/mark.mts", "export const mark: string = '!';\n")
        .file("scripts/lib/options.ts", "export interface Options { end: string }\n")
        .task("run", &super::task("run"))
}

#[tokio::test(flavor = "multi_thread")]
async fn typescript_runs_without_a_build() {
    let host = TestHost::start(app()).await;
    assert_eq!(host.response("run", json!([{ "name": "Ada" }])).await, json!("hello Ada!hello Ada!"));
    let app = host.inner().app();
    let plugin = app.plugin(&CodeFile::Script("it".into())).expect("the script is loaded");
    let script = plugin.script().expect("it is a script");
    let files: Vec<_> = script.texts().keys().collect();
    let all = ["scripts/it.ts", "scripts/lib/greet.ts", "scripts/lib/mark.mts", "scripts/lib/punctuation.js"];
    assert_eq!(files, all, "a file of types only is not read");
    assert_eq!(script.functions(), ["run"]);
    assert!(script.texts()["scripts/it.ts"].contains("interface Person"), "the text is the author's");
    drop(app);
    host.shutdown().await;
}

/// Types are replaced by blanks, so lines and columns are those of the file, and the line is shown as it was written.
#[tokio::test(flavor = "multi_thread")]
async fn a_failure_has_its_place_in_the_file() {
    let script =
        "\ntype A = {\n  b: number;\n};\nfunction run(id: number, value?: A): number { return (value as A).b; }\n";
    let app = App::new().file("scripts/it.ts", script).task("run", &super::task("run"));
    let host = TestHost::start(app).await;
    let problem = host.run("run", json!([])).await.problem.expect("it failed");
    let details: Value = serde_json::from_str(problem.details.as_deref().expect("details")).expect("JSON");
    assert_eq!((&details["file"], &details["line"]), (&json!("scripts/it.ts"), &json!(5)), "{details}");
    let line = "function run(id: number, value?: A): number { return (value as A).b; }";
    assert_eq!(details["source"], json!(line), "{details}");
    let column = details["column"].as_u64().expect("a column") as usize;
    assert!(line[column - 1..].starts_with("value as A"), "{details}");
    host.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reload_notices_a_changed_type_script() {
    let host = TestHost::start(app()).await;
    assert_eq!(host.response("run", json!([{ "name": "Ada" }])).await, json!("hello Ada!hello Ada!"));
    host.app().write("scripts/lib/mark.mts", "export const mark: string = '?';\n");
    host.reload().await.expect("the new file is valid");
    assert_eq!(host.response("run", json!([{ "name": "Ada" }])).await, json!("hello Ada?hello Ada?"));
    host.shutdown().await;
}

#[test]
fn check_says_what_to_write_instead_of_what_cannot_be_erased() {
    let script = "\
enum Color { Red }
namespace Names { export const a = 1; }
class Point { constructor(private x: number) {} }
const y = <any>Color;
import fs = require('fs');
function run() {}
";
    let said = saggar_on("check", &App::new().file("scripts/it.ts", script).task("run", &super::task("run")), &[]);
    assert_eq!(said.code, Some(1), "{}", said.err);
    for (place, part) in [
        ("1:1", "write an object"),
        ("2:1", "put them into a file and import it"),
        ("3:27", "declare the property in the class"),
        ("4:11", "write `value as Type`"),
        ("5:1", "write `import name from './file.ts'`"),
    ] {
        assert!(said.err.contains(&format!("--> scripts/it.ts:{place}")), "{place}:\n{}", said.err);
        assert!(said.err.contains(part), "{part}:\n{}", said.err);
    }
}

#[test]
fn check_explains_imports_that_do_not_work() {
    let check = |import: &str| {
        let script = format!("{import}\nexport function run() {{}}\n");
        let app = App::new().file("scripts/it.ts", script).file("scripts/types.ts", "export interface A {}\n");
        let said = saggar_on("check", &app.task("run", &super::task("run")), &[]);
        assert_eq!(said.code, Some(1), "{import}: {}", said.err);
        assert!(said.err.contains("--> scripts/it.ts:1:"), "{import}: {}", said.err);
        said.err
    };
    let why = check("import { A } from './types.ts'; A;");
    assert!(why.contains("write `import type` for what is only a type"), "{why}");
    let why = check("import { A } from './types';");
    assert!(why.contains("write the name of the file with its extension"), "{why}");
    let why = check("import { A } from './types.js';");
    assert!(why.contains("there is scripts/types.ts"), "{why}");
    let why = check("import { A } from './view.tsx';");
    assert!(why.contains("neither JavaScript nor TypeScript that can run here"), "{why}");
}

/// The stripper runs in a sandbox: what its parser cannot cope with is an error of that file.
#[test]
fn typescript_that_is_nested_too_deeply_is_an_error_of_its_file() {
    let deep = |open: &str, close: &str| format!("{}1{}", open.repeat(100_000), close.repeat(100_000));
    let app = App::new()
        .file("scripts/it.ts", "import './values.ts';\nimport './types.ts';\nexport function run(): void {}\n")
        .file("scripts/values.ts", format!("export const a: any = {};", deep("(", ")")))
        .file("scripts/types.ts", format!("export type A = {};", deep("[", "]")));
    let said = saggar_on("check", &app.task("run", &super::task("run")), &[]);
    assert_eq!(said.code, Some(1), "{}", said.err);
    for file in ["values", "types"] {
        assert!(said.err.contains(&format!("--> scripts/{file}.ts:1:1")), "{file}: {}", said.err);
    }
    assert!(said.err.contains("nested too deeply to be compiled"), "{}", said.err);
}

#[test]
fn a_test_file_beside_typescript_is_run() {
    let app = app().file(
        "scripts/it.test.json",
        r#"[{ "handler": "run", "call": [{ "name": "Ada" }], "response": "hello Ada!hello Ada!" }]"#,
    );
    let said = saggar_on("test", &app, &[]);
    assert_eq!(said.code, Some(0), "{}{}", said.out, said.err);
    assert!(said.out.contains("1 passed, 0 failed"), "{}", said.out);
}

/// The compiler of a script waits for the type stripper, which is a guest, too: neither may keep the other from its turn.
#[tokio::test(flavor = "multi_thread")]
async fn many_scripts_in_typescript_are_loaded_at_the_same_time() {
    let mut app = App::new();
    // Large enough that each takes several slices.
    let functions: String = (0..2_000)
        .map(|number| format!("export function f{number}(a: number): number {{ return a + {number}; }}\n"))
        .collect();
    for script in 0..8 {
        let text = format!("{functions}export function run(id: number): number {{ return f{script}(1); }}\n");
        app = app.file(format!("scripts/s{script}.ts"), &text);
        app = app.task(&format!("t{script}"), &json!({ "process": format!("scripts.s{script}.run") }));
    }
    let host = TestHost::start(app).await;
    assert_eq!(host.inner().app().problems.len(), 0, "{:?}", host.inner().app().problems);
    for script in 0..8 {
        assert_eq!(host.response(&format!("t{script}"), json!([])).await, json!(1 + script));
    }
    host.shutdown().await;
}
