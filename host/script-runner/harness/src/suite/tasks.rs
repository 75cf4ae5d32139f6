//! `Process` and `Progress`.

use crate::case::Case;
use crate::runner::Role;

pub(crate) fn cases() -> Vec<Case> {
    [adding(), keys(), reading(), progress(), unknown()].into_iter().flatten().collect()
}

fn adding() -> Vec<Case> {
    let body = Case::body;
    vec![
        body("add", "return Process('tasks.mail.send.add', 'a', undefined, { b: [1n < 2] }, () => 1)")
            .answers("1001")
            .events(&[r#"add-with mail.send ["a",null,{"b":[true]},null] {"key":"test/7/process/0"}"#]),
        body("add without arguments", "return Process('tasks.a.add')")
            .answers("1001")
            .events(&[r#"add-with a [] {"key":"test/7/process/0"}"#]),
        body("names without regard to case", "Process('Tasks.Mail.ADD', 1); Progress('TASKS.Mail.Add', 2)").events(&[
            r#"add-with Mail [1] {"key":"test/7/process/0"}"#,
            r#"add-with Mail [2] {"key":"test/7/process/1"}"#,
        ]),
        body("a later add", "return Process('tasks.a.addLater', 1500, 'x')")
            .answers("1001")
            .events(&[r#"add-with a ["x"] {"key":"test/7/process/0","delay_ms":1500}"#]),
        body("an add that is refused", "return Process('tasks.a.add')")
            .refusing("budget-spent", "enough")
            .answers("0")
            .events(&[
                r#"add-with a [] {"key":"test/7/process/0"}"#,
                "warn tasks.a.add answers 0: enough (budget-spent)",
            ]),
        body("an add to an unknown task", "Process('tasks.nosuch.add')")
            .refusing("unknown-task", "there is no task `nosuch`")
            .retries("unknown-task", "there is no task `nosuch` (scripts/task.js:2:"),
        body("wrong options", "Process('tasks.a.addWith', { x: 1 })")
            .refusing("invalid-options", "no `x`")
            .retries("invalid-options", "no `x`"),
        body("arguments that are no JSON", "Process('tasks.a.add', 1n)").retries("exception", "BigInt"),
        body("arguments in a circle", "const a = []; a[0] = a; Process('tasks.a.add', a)")
            .retries("exception", "circular reference"),
    ]
}

/// The keys that keep a repeated call from adding jobs twice.
fn keys() -> Vec<Case> {
    let body = Case::body;
    let first = r#"{"key":"test/7/process/0"}"#;
    let add = "function f(id) { Process('tasks.a.add') }";
    let in_role = |name, role: Role, options: &str| {
        Case::script(name, add).call(role, "f").events(&[&format!("add-with a [] {options}")])
    };
    vec![
        body("a repeated call has the same keys", "Process('tasks.a.add')")
            .events(&[&format!("add-with a [] {first}")])
            .process("f", "[]")
            .events(&[&format!("add-with a [] {first}")])
            .process("f", "[]")
            .for_job(8)
            .events(&[r#"add-with a [] {"key":"test/8/process/0"}"#]),
        body("an add with options", "return Process('tasks.a.addWith', { priority: 1 }, 'x')")
            .answers("1001")
            .events(&[r#"add-with a ["x"] {"priority":1,"key":"test/7/process/0"}"#]),
        body("an add with a key", "Process('tasks.a.addWith', { key: 'k' }, 'x'); Process('tasks.a.add')").events(&[
            r#"add-with a ["x"] {"key":"k"}"#,
            r#"add-with a [] {"key":"test/7/process/1"}"#,
        ]),
        body("an add without a key", "Process('tasks.a.addWith', { key: null, priority: 1 })")
            .events(&[r#"add-with a [] {"priority":1}"#]),
        body("options that are not an object", "Process('tasks.a.addWith', [1])").events(&["add-with a [] [1]"]),
        body("options with a setter above them", "Object.defineProperty(Object.prototype, 'key', { set() { throw 1 }, configurable: true }); Process('tasks.a.addWith', {})")
            .events(&[&format!("add-with a [] {first}")]),
        in_role("a key in the add handler", Role::OnAdd, r#"{"key":"test/7/add/0"}"#),
        in_role("a key in the success handler", Role::OnSuccess("1".into()), r#"{"key":"test/7/success/0"}"#),
        in_role("a key in the error handler", Role::OnError("no".into()), r#"{"key":"test/7/error/0"}"#),
        in_role("no key in the progress handler", Role::OnProgress(1, 2, "".into()), "{}"),
        in_role("no key in next", Role::Next, "{}"),
        Case::script("no key at the top level", "Process('tasks.a.add', 1); function f() { Process('tasks.a.add', 2) }")
            .process("f", "[]")
            .events(&["add-with a [1] {}", r#"add-with a [2] {"key":"test/7/process/0"}"#]),
        body("other arguments at the same position", "return Process('tasks.a.add', Math.random() * 0)")
            .refusing("key-reused", "it has [1]")
            .answers("0")
            .events(&[
                r#"add-with a [0] {"key":"test/7/process/0"}"#,
                "warn tasks.a.add answers 0: job number 0 (from 0) that this call adds differs from the one that the same call \
                 added before, which is kept: add the same jobs in the same order each time, or use `addWith` with a `key` of your \
                 own or `null`; it has [1] (key-reused)",
            ]),
    ]
}

fn reading() -> Vec<Case> {
    let body = Case::body;
    vec![
        body("get", "return Process('tasks.a.get', 7)")
            .answers(
                r#"{"id":7,"status":"RUNNING","current":1,"curr":1,"total":2,"message":"half","response":{"a":[1]}}"#,
            )
            .events(&["get a 7"]),
        body("get with digits", "return Progress('tasks.a.Get', '7').status").answers("\"RUNNING\""),
        body("get of an unknown job", "Process('tasks.a.get', 8)").retries("unknown-job", "there is no such job"),
        body(
            "an error of the host is an Error",
            "try { Process('tasks.a.get', 8) } catch (e) { return [e instanceof Error, e.code, e.message] }",
        )
        .answers(r#"[true,"unknown-job","there is no such job"]"#),
        body("get without an id", "Process('tasks.a.get')")
            .retries("exception", "TypeError: the job's id is a whole number from 0 to 2^53 - 1, not undefined"),
        body("cancel", "return Process('tasks.a.cancel', 7)").answers("null").events(&["cancel a 7"]),
        body("cancel of a job that has ended", "Process('tasks.a.cancel', 8)").retries("ended", "the job has ended"),
    ]
}

fn progress() -> Vec<Case> {
    let body = Case::body;
    vec![
        body("progress", "Process('tasks.test.progress', id, 1.9, 3, 'one')")
            .answers("null")
            .events(&["progress 1/3 one"]),
        body("progress by its other name", "Progress('tasks.Test.Process', id, 1, 3)").events(&["progress 1/3 "]),
        body(
            "progress under another task's name warns once",
            "for (const n of [1, 2]) Progress('tasks.other.progress', id, n, 2, 'm' + n)",
        )
        .events(&[
            "warn progress of `tasks.other` with the id of this job counts as this job's: its task is `test`",
            "progress 1/2 m1",
            "progress 2/2 m2",
        ]),
        body("progress of another job", "Process('tasks.test.progress', 8, 1, 2)")
            .retries("other-job", "progress of job 8 cannot be reported"),
        body("progress without a total", "Process('tasks.test.progress', id, 1)")
            .retries("exception", "TypeError: `total` of progress is a number"),
        body("progress that is no number", "Process('tasks.test.progress', id, NaN, 1)")
            .retries("exception", "`current` of progress"),
        body("a message of any kind", "Process('tasks.test.progress', id, 1, 1, { toString: () => 'mine' })")
            .events(&["progress 1/1 mine"]),
        Case::script("progress in a handler", "function f(id) { Process('tasks.test.progress', id, 1, 2) }")
            .call(Role::OnAdd, "f")
            .answers("none")
            .events(&["progress 1/2 "]),
    ]
}

fn unknown() -> Vec<Case> {
    let unknown = |name, process: &str| {
        Case::body(name, &format!("Process({process})")).retries("unknown-process", "there are `tasks.<id>.add`")
    };
    vec![
        unknown("an unknown group", "'models.user.find'"),
        unknown("an unknown method", "'tasks.a.remove'"),
        unknown("an inherited method", "'tasks.a.constructor'"),
        unknown("no method", "'tasks.add'"),
        unknown("no task", "'tasks..add'"),
        unknown("no dot", "'tasks'"),
        unknown("an empty name", "''"),
        Case::body("a name that is no text", "Process(5)")
            .retries("exception", "TypeError: the first argument of Process is a name such as 'tasks.test.add', not 5"),
        Case::body("no name", "Process()").retries("exception", "not undefined"),
    ]
}
