//! The line of a script that a job's failure is about, with a caret, from the details of the problem.

use console::measure_text_width;
use serde::Deserialize;

use super::output::cell;

/// Characters of a line that are shown before the column, and in all. Bundled scripts have lines of many kilobytes.
const SHOWN_BEFORE: usize = 60;
const SHOWN: usize = 100;

/// The place of a failure: what the script runner adds to the details of a problem, and any plugin may.
#[derive(Deserialize)]
struct Place {
    file: String,
    line: u32,
    column: u32,
    source: String,
}

/// Returns the lines to print; none if the details have no place.
pub(super) fn lines(details: &str) -> Vec<String> {
    let Ok(Place { file, line, column, source }) = serde_json::from_str(details) else { return Vec::new() };
    let column = usize::try_from(column.saturating_sub(1)).unwrap_or(usize::MAX).min(source.chars().count());
    let skipped = if source.chars().count() > SHOWN { column.saturating_sub(SHOWN_BEFORE) } else { 0 };
    let mark = |cut: bool| if cut { "…" } else { "" };
    let is_cut = source.chars().count() - skipped > SHOWN;
    let before: String = source.chars().skip(skipped).take(column - skipped).collect();
    let shown: String = source.chars().skip(skipped).take(SHOWN).collect();
    let before = format!("{}{}", mark(skipped > 0), cell(&before));
    let (number, margin) = (line.to_string(), " ".repeat(line.to_string().len()));
    vec![
        format!("{margin}--> {}:{line}:{}", cell(&file), column + 1),
        format!("{margin} |"),
        format!("{number} | {}{}{}", mark(skipped > 0), cell(&shown), mark(is_cut)),
        format!("{margin} | {}^", " ".repeat(measure_text_width(&before))),
    ]
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn shown(line: u32, column: u32, source: &str) -> String {
        lines(&json!({ "file": "scripts/a.js", "line": line, "column": column, "source": source }).to_string())
            .join("\n")
    }

    #[test]
    fn the_caret_is_below_the_column() {
        assert_eq!(shown(12, 3, "  fail()"), "  --> scripts/a.js:12:3\n   |\n12 |   fail()\n   |   ^");
        assert_eq!(shown(1, 3, "测试x"), " --> scripts/a.js:1:3\n  |\n1 | 测试x\n  |     ^");
        assert_eq!(shown(1, 2, "\tx"), " --> scripts/a.js:1:2\n  |\n1 |  x\n  |  ^");
    }

    #[test]
    fn columns_outside_of_the_line_and_control_characters_do_no_harm() {
        assert!(shown(1, 0, "x").ends_with("1 | x\n  | ^"));
        assert!(shown(1, u32::MAX, "x").ends_with("1 | x\n  |  ^"));
        assert!(!shown(1, 1, "\u{1b}[31mx").contains('\u{1b}'));
    }

    #[test]
    fn a_long_line_is_cut_around_the_column() {
        let source = format!("{}HERE{}", "a".repeat(5_000), "b".repeat(5_000));
        let shown = shown(1, 5_001, &source);
        let lines: Vec<&str> = shown.lines().collect();
        let caret = lines[3].find('^').unwrap();
        assert_eq!(lines[2].chars().nth(caret), Some('H'));
        assert!(lines[2].chars().count() < SHOWN + 10, "{shown}");
    }

    #[test]
    fn other_details_have_no_place() {
        for details in ["null", "[]", "{}", r#"{"file":"a","line":-1,"column":1,"source":""}"#, "not JSON"] {
            assert_eq!(lines(details), Vec::<String>::new(), "{details}");
        }
    }
}
