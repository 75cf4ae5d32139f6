//! `Process` and `Progress`.

use crate::case::Case;
use crate::runner::Role;

pub(crate) fn cases() -> Vec<Case> {
    [adding(), reading(), progress(), unknown()].into_iter().flatten().collect()
}

fn adding() -> Vec<Case> {
    let body = Case::body;
    vec![
        body("add", "return Process('tasks.mail.send.add', 'a', undefined, { b: [1n < 2] }, () => 1)")
            .answers("1001")
            .events(&[r#"add mail.send ["a",null,{"b":[true]},null]"#]),
        body("add without arguments", "return Process('tasks.a.add')").answers("1001").events(&["add a []"]),
        body("names without regard to case", "Process('Tasks.Mail.ADD', 1); Progress('TASKS.Mail.Add', 2)")
            .events(&["add Mail [1]", "add Mail [2]"]),
        body("a later add", "return Process('tasks.a.addLater', 1500, 'x')")
            .answers("1001")
            .events(&[r#"add-later a ["x"] 1500"#]),
        body("an add with options", "return Process('tasks.a.addWith', { key: 'k' }, 'x')")
            .answers("1001")
            .events(&[r#"add-with a ["x"] {"key":"k"}"#]),
        body("an add that is refused", "return Process('tasks.a.add')")
            .refusing("budget-spent", "enough")
            .answers("0")
            .events(&["add a []", "warn tasks.a.add answers 0: enough (budget-spent)"]),
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
