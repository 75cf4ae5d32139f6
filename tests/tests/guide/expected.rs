//! Comparing what is printed with what a page shows. `…` stands for any text of a line; a line that is only `…`, for any
//! lines.

/// Returns the lines of a text without blank lines at its ends.
pub(super) fn lines_of(text: &str) -> Vec<&str> {
    text.trim_matches('\n').lines().map(str::trim_end).collect()
}

/// Shortens the space between the columns of a table, which depends on the longest path of the machine.
pub(super) fn with_narrow_columns(text: &str) -> String {
    let mut narrow = String::with_capacity(text.len());
    for character in text.chars() {
        if character != ' ' || !narrow.ends_with("  ") {
            narrow.push(character);
        }
    }
    narrow
}

/// Returns whether a line is as expected.
pub(super) fn is_line(expected: &str, line: &str) -> bool {
    let Some((start, expected)) = expected.split_once('…') else { return expected == line };
    let Some(rest) = line.strip_prefix(start) else { return false };
    let mut ends = rest.char_indices().map(|(at, _)| at).chain([rest.len()]);
    ends.any(|at| is_line(expected, &rest[at..]))
}

/// Returns whether all lines are as expected.
pub(super) fn are_lines(expected: &[&str], lines: &[&str]) -> bool {
    match (expected, lines) {
        ([], _) => lines.is_empty(),
        (["…", expected @ ..], _) => (0..=lines.len()).any(|skipped| are_lines(expected, &lines[skipped..])),
        ([first, expected @ ..], [line, lines @ ..]) => is_line(first, line) && are_lines(expected, lines),
        ([_, ..], []) => false,
    }
}

#[test]
fn columns_may_be_of_any_width() {
    assert_eq!(with_narrow_columns("a    b c\n  d"), with_narrow_columns("a  b c\n  d"));
    assert_ne!(with_narrow_columns("a b"), with_narrow_columns("a  b"));
}

#[test]
fn dots_stand_for_any_text() {
    for (expected, line) in [("a", "a"), ("…", ""), ("a … c", "a b b c"), ("…b…", "abc"), ("in … ms", "in 3 ms")]
    {
        assert!(is_line(expected, line), "{expected} {line}");
    }
    for (expected, line) in [("a", "ab"), ("a…", "b"), ("a … c", "a b"), ("…b", "abc")] {
        assert!(!is_line(expected, line), "{expected} {line}");
    }
}

#[test]
fn a_line_of_dots_stands_for_any_lines() {
    for expected in [&["a", "b", "c"][..], &["…"], &["a", "…"], &["…", "c"], &["a", "…", "b", "…", "c"]] {
        assert!(are_lines(expected, &["a", "b", "c"]), "{expected:?}");
    }
    for expected in [&["a", "b"][..], &[], &["…", "b"], &["a", "…", "d"]] {
        assert!(!are_lines(expected, &["a", "b", "c"]), "{expected:?}");
    }
}
