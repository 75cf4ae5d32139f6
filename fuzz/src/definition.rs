//! Task files.

use saggar_definition::{Variable, read_task};

/// The files by their extensions, which choose the dialect.
const FILES: [&str; 3] = ["tasks/any.json", "tasks/any.jsonc", "tasks/any.yao"];

/// More problems than this would flood an author's terminal.
const MAX_PROBLEMS: usize = 1000;

/// Reads the bytes as a task file in each dialect, and shows all problems. The first byte decides whether variables of the
/// environment have values.
pub fn run(bytes: &[u8]) {
    let has_values = bytes.first().is_some_and(|byte| byte % 2 == 0);
    let variable = |name: &str| -> Variable { has_values.then(|| format!("value of {name}")).into() };
    for file in FILES {
        match read_task(file, bytes, &variable) {
            Ok(task) => assert_eq!(task.id.as_str(), "any"),
            Err(problems) => {
                assert!(!problems.is_empty(), "an invalid file without a problem");
                assert!(problems.len() <= MAX_PROBLEMS, "{} problems", problems.len());
                for problem in problems {
                    let text = problem.render(false);
                    assert!(!text.contains('\u{1b}'), "a control character is shown: {text:?}");
                }
            }
        }
    }
}
