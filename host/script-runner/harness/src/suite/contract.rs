//! The roles, their arguments and results, and the original's document as it stands.

use crate::case::Case;
use crate::runner::Role;

/// The original's script, but for a slip of the pen in it, with its loop: the two scripts of an example.
pub(crate) const SEED: &str = concat!(
    include_str!("../../../../../examples/apps/yao/scripts/task.js"),
    "\n",
    include_str!("../../../../../examples/apps/yao/scripts/loop.js")
);

pub(crate) fn cases() -> Vec<Case> {
    [document(), roles(), results(), ids(), state()].into_iter().flatten().collect()
}

fn document() -> Vec<Case> {
    let functions = ["NextID", "OnAdd", "OnError", "OnProgress", "OnSuccess", "Send", "task"];
    let mut cases = vec![
        Case::script("the document's processor", SEED)
            .wants(&["NextID", "Send", "OnAdd", "OnProgress", "OnSuccess", "OnError"])
            .has(&functions)
            .process("Send", r#"["进入任务1",{"a":1}]"#)
            .answers(r#"{"message":"ok"}"#)
            .events(&[
                "info [ '进入任务1', { a: 1 } ]",
                "warn progress of `tasks.task` with the id of this job counts as this job's: its task is `test`",
                "progress 1/100 Progress 1/100",
            ]),
        Case::script("the document's handlers", SEED)
            .call(Role::Next, "NextID")
            .answers("1025")
            .events(&["info NextID: 1025"])
            .call(Role::OnAdd, "OnAdd")
            .answers("none")
            .events(&["error 进入add", "info OnAdd: #7"])
            .call(Role::OnProgress(1, 100, "Progress 1/100".into()), "OnProgress")
            .answers("none")
            .events(&["info OnProgress: #7 Progress 1/100 1/100 "])
            .call(Role::OnSuccess(r#"{"message":"ok"}"#.into()), "OnSuccess")
            .answers("none")
            .events(&[r#"info OnSuccess: #7 {"message":"ok"}"#])
            .call(Role::OnError("it failed".into()), "OnError")
            .answers("none")
            .events(&["info OnError: #7 it failed"]),
    ];
    let added: Vec<String> = (1..100)
        .map(|number| format!(r#"add-with test ["进入任务{number}"] {{"key":"test/7/process/{}"}}"#, number - 1))
        .collect();
    let added: Vec<&str> = added.iter().map(String::as_str).collect();
    cases.push(Case::script("the document's 99 jobs", SEED).process("task", "[]").answers("null").events(&added));
    cases.push(
        Case::script("the document's refused jobs", "function task() { return Process('tasks.test.Add', 1) == 0 }")
            .process("task", "[]")
            .refusing("queue-full", "the queue is full")
            .answers("true")
            .events(&[
                r#"add-with test [1] {"key":"test/7/process/0"}"#,
                "warn tasks.test.add answers 0: the queue is full (queue-full)",
            ]),
    );
    cases
}

fn roles() -> Vec<Case> {
    let echo = "function f(...args) { return args }";
    vec![
        Case::script("a processor gets the id and the arguments", echo)
            .process("f", r#"["a",null,[1,2.5],{"b":{"c":true}}]"#)
            .answers(r#"[7,"a",null,[1,2.5],{"b":{"c":true}}]"#),
        Case::script(
            "handlers get the document's arguments",
            "function f(...args) { console.log(JSON.stringify(args)) }",
        )
        .call(Role::OnAdd, "f")
        .events(&["info [7]"])
        .call(Role::OnProgress(1, 2, "half".into()), "f")
        .events(&[r#"info [7,1,2,"half"]"#])
        .call(Role::OnSuccess(r#"{"a":[1]}"#.into()), "f")
        .events(&[r#"info [7,{"a":[1]}]"#])
        .call(Role::OnError("no".into()), "f")
        .events(&[r#"info [7,"no"]"#])
        .call(Role::Next, "f")
        .answers("none"),
        Case::script("a handler's result does not matter", "function f() { return 10n }")
            .call(Role::OnAdd, "f")
            .answers("none"),
        Case::script("a handler's failure is its problem", "function f() { throw Reject('no-good', 'it is not') }")
            .call(Role::OnAdd, "f")
            .rejects("no-good", "it is not"),
        Case::script("an async handler is awaited", "async function f() { await null; console.log('late') }")
            .call(Role::OnAdd, "f")
            .answers("none")
            .events(&["info late"]),
    ]
}

fn results() -> Vec<Case> {
    let result = |name, body: &str, json: &str| Case::body(name, body).answers(json);
    let refused = |name, body: &str, part: &str| Case::body(name, body).rejects("invalid-response", part);
    vec![
        result("no result is null", "", "null"),
        result("undefined is null", "return undefined", "null"),
        result("a function is null", "return () => 1", "null"),
        result("a symbol is null", "return Symbol('x')", "null"),
        result("a string", "return 'é\\u0001\"'", r#""é\u0001\"""#),
        result("half a surrogate pair is escaped", r"return '\ud800x'", r#""\ud800x""#),
        result("numbers that JSON does not have", "return [NaN, Infinity, -0]", "[null,null,0]"),
        result("large numbers", "return [2 ** 53, 1e21, 0.1]", "[9007199254740992,1e+21,0.1]"),
        result("undefined in objects and arrays", "return { a: undefined, b: [undefined] }", r#"{"b":[null]}"#),
        result("a date", "return new Date(0)", r#""1970-01-01T00:00:00.000Z""#),
        result("toJSON", "return { toJSON() { return [1] } }", "[1]"),
        result("a proxy", "return new Proxy({ a: 1 }, {})", r#"{"a":1}"#),
        result("a map is an object without properties", "return new Map([[1, 2]])", "{}"),
        result("a promise", "return Promise.resolve({ a: 1 })", r#"{"a":1}"#),
        result("a thenable of an async function", "return (async () => ({ then(f) { f(3) } }))()", "3"),
        refused("a cycle", "const a = {}; a.a = a; return a", "circular reference"),
        refused("a BigInt", "return { n: 10n }", "BigInt"),
        refused(
            "toJSON that throws",
            "return { toJSON() { throw new RangeError('no') } }",
            "RangeError: no (scripts/task.js:2:",
        ),
        refused(
            "a getter that throws",
            "return { get a() { throw new Error('never') } }",
            "Error: never (scripts/task.js:2:",
        ),
        refused(
            "a proxy that throws",
            "return new Proxy({}, { ownKeys() { throw new Error('closed') } })",
            "Error: closed",
        ),
    ]
}

fn ids() -> Vec<Case> {
    let next =
        |name, result: &str| Case::script(name, format!("function f() {{ return {result} }}")).call(Role::Next, "f");
    vec![
        next("an id", "4711").answers("4711"),
        next("no id", "undefined").answers("none"),
        next("null is no id", "null").answers("none"),
        next("a promise of an id", "Promise.resolve(5)").answers("5"),
        next("the largest id", "2 ** 53 - 1").answers("9007199254740991"),
        next("an id that is too large", "2 ** 53").rejects("invalid-id", "9007199254740992"),
        next("an id that is no number", "'x'").rejects("invalid-id", "'x'"),
        next("an id with a fraction", "1.5").rejects("invalid-id", "1.5"),
        next("a negative id", "-1").rejects("invalid-id", "-1"),
        next("an id that is NaN", "NaN").rejects("invalid-id", "NaN"),
        Case::script("a job's id that a number cannot hold", "function f() { throw 1 }")
            .process("f", "[]")
            .for_job(1 << 53)
            .rejects("id-too-large", "9007199254740992"),
        Case::script("the largest id of a job", "function f(id) { return id }")
            .process("f", "[]")
            .for_job((1 << 53) - 1)
            .answers("9007199254740991"),
    ]
}

fn state() -> Vec<Case> {
    vec![
        Case::script("globals live as long as the instance", "let count = 0; function f() { return ++count }")
            .process("f", "[]")
            .answers("1")
            .process("f", "[]")
            .answers("2")
            .process("f", "[]")
            .fresh()
            .answers("1"),
        Case::script("the top level runs in the first call", "console.log('top'); function f() {}")
            .process("f", "[]")
            .events(&["info top"])
            .process("f", "[]")
            .events(&[]),
        Case::script("the top level may call tasks", "const id = Process('tasks.other.add', 1); const f = () => id")
            .process("f", "[]")
            .answers("1001")
            .events(&["add-with other [1] {}"]),
        Case::script(
            "a top level that fails runs again",
            "var runs = 0; const x = Process('tasks.x.get', 1); function f() { return 1 }",
        )
        .process("f", "[]")
        .retries("unknown-job", "there is no such job")
        .process("f", "[]")
        .retries("unknown-job", "there is no such job (scripts/task.js:1:"),
        Case::script(
            "top-level await in a classic script",
            "const x = await Promise.resolve(4); function f() { return x }",
        )
        .has(&["f"])
        .process("f", "[]")
        .answers("4"),
    ]
}
