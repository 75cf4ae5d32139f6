//! The line of source code that a failure is about, for a job's log. The details of a script's problem have it.

use saggar_job::Problem;
use serde::Deserialize;

/// Maximum characters of a line in the log.
const MAX_CHARS: usize = 200;

/// The place of a failure in the details of a problem.
#[derive(Deserialize)]
struct Place {
    file: String,
    line: u32,
    source: String,
}

/// Returns the place and the line as `scripts/mail.js:12 |   send(to.name);`; `None` if the details have none.
pub(crate) fn source_line(problem: &Problem) -> Option<String> {
    let Place { file, line, source } = serde_json::from_str(problem.details.as_deref()?).ok()?;
    let source: String = source.chars().take(MAX_CHARS).collect();
    // A guest's text: control characters could change what a terminal shows.
    let clean = |c: char| if saggar_sandbox::needs_escape(c) { char::REPLACEMENT_CHARACTER } else { c };
    Some(format!("{file}:{line} | {source}").chars().map(clean).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(details: &str) -> Option<String> {
        source_line(&Problem { details: Some(details.into()), ..Problem::new("exception", "it failed") })
    }

    #[test]
    fn the_line_of_a_script_is_found_in_the_details() {
        let details = r#"{"file":"scripts/a.js","line":2,"column":3,"source":"  fail();","stack":"…"}"#;
        assert_eq!(of(details).as_deref(), Some("scripts/a.js:2 |   fail();"));
        assert_eq!(source_line(&Problem::new("a", "b")), None);
        assert_eq!(of("[1]"), None);
    }

    #[test]
    fn lines_are_cut_and_have_no_control_characters() {
        let line = of(&serde_json::json!({ "file": "a\u{1b}", "line": 1, "source": "x\n".repeat(500) }).to_string());
        let line = line.unwrap();
        assert!(line.chars().count() < MAX_CHARS + 10 && !line.contains(['\u{1b}', '\n']), "{line}");
    }
}
