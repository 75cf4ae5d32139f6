//! The messages for invalid task files. The snapshots are the specification: read them as a user would.

mod keys;
mod references;
mod syntax;
mod values;

use saggar_definition::{Variable, read_task};

/// Separates the cases of one snapshot.
const NEXT: &str = "\n\n----\n\n";

/// Renders all problems of a file with this text, as people see them.
fn problems_in(file: &str, text: &str) -> String {
    let env = |name: &str| match name {
        "WORKERS" => Variable::Set("hunter2".to_owned()),
        "CODE" => Variable::Set("scripts.hunter2".to_owned()),
        "SECRET" => Variable::NotAllowed("`SAGGAR_APP_*`".to_owned()),
        _ => Variable::Unset,
    };
    match read_task(file, text.as_bytes(), &env) {
        Ok(task) => format!("no problem: {}", task.id),
        Err(diagnostics) => diagnostics.iter().map(|d| d.render(false)).collect::<Vec<_>>().join("\n\n"),
    }
}

fn problems(text: &str) -> String {
    problems_in("tasks/t.yao", text)
}

/// Renders all problems of a task that is valid except for these lines.
fn problems_with(lines: &str) -> String {
    problems(&format!("{{\"process\": \"plugins.x\",\n{lines}}}"))
}
