//! Groups of failures: which jobs failed in the same way. Jobs of a task are in one group if their problems have the same
//! code, the same message apart from what differs from one time to the next, and the same innermost functions on the stack.

use std::fmt;
use std::str::FromStr;

use saggar_job::Problem;

/// Functions of the stack that distinguish groups: enough to tell apart who calls a failing library.
const FRAMES: usize = 3;

/// Characters of a message that distinguish groups. Longer ones contain data.
const MESSAGE: usize = 200;

/// Marks between the parts of an address, a number or a UUID.
const MARKS: [char; 4] = ['.', '-', ':', ','];

/// A group of failures. The same in every process of this version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FailureGroup(u64);

/// The text is not a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("invalid group; pass the `group` of an answer unchanged")]
pub struct BadGroup;

impl FailureGroup {
    /// Returns the group of a job of `task` that failed with `problem`.
    pub fn of(task: &str, problem: &Problem) -> Self {
        let mut hash = Fnv::new();
        hash.write(task);
        hash.write(&problem.code);
        hash.write(&message_pattern(&problem.message));
        failure_frames(problem).iter().take(FRAMES).for_each(|frame| hash.write(frame));
        Self(hash.0)
    }
}

impl fmt::Display for FailureGroup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "g{:016x}", self.0)
    }
}

impl FromStr for FailureGroup {
    type Err = BadGroup;

    fn from_str(text: &str) -> Result<Self, BadGroup> {
        let group = text.strip_prefix('g').and_then(|digits| u64::from_str_radix(digits, 16).ok()).map(Self);
        // Each group has exactly one spelling.
        group.filter(|group| group.to_string() == text).ok_or(BadGroup)
    }
}

/// Returns the functions on the stack of a guest that trapped, innermost first; none if the problem has no stack.
pub fn failure_frames(problem: &Problem) -> Vec<String> {
    let stack = problem.details.as_deref().and_then(|details| saggar_json::at(details, "/backtrace"));
    stack.and_then(saggar_json::strings).unwrap_or_default()
}

/// Returns a message with `#` for what differs from one time to the next: words with digits, long words of hexadecimal
/// digits, and quoted text.
pub fn message_pattern(message: &str) -> String {
    let end = message.char_indices().nth(MESSAGE).map_or(message.len(), |(at, _)| at);
    let mut pattern = String::new();
    let mut rest = &message[..end];
    while let Some(first) = rest.chars().next() {
        let length = match first {
            '"' | '\'' | '`' => quoted(rest, first),
            c if c.is_alphanumeric() => rest.find(|c: char| !c.is_alphanumeric()).unwrap_or(rest.len()),
            c => c.len_utf8(),
        };
        let (part, after) = rest.split_at(length);
        // A part of a UUID may have letters only.
        let is_varying = varies(part) || (pattern.ends_with("#-") && is_hex(part));
        if is_varying && joins(&pattern) {
            pattern.truncate(pattern.trim_end_matches(MARKS).len());
        } else if is_varying {
            pattern.push('#');
        } else {
            pattern.push_str(part);
        }
        rest = after;
    }
    pattern
}

/// Returns whether a varying part that follows a pattern belongs to the one at its end, as the parts of an address do.
fn joins(pattern: &str) -> bool {
    pattern.strip_suffix(MARKS).unwrap_or(pattern).ends_with('#')
}

/// Returns the length of the quoted text at the start of `text`, or of its first character if it has no end.
fn quoted(text: &str, quote: char) -> usize {
    text[1..].find(quote).map_or(1, |at| at + 2)
}

/// Returns whether a part of a message differs from one time to the next.
fn varies(part: &str) -> bool {
    let is_word = part.starts_with(char::is_alphanumeric);
    let is_number = part.bytes().any(|byte| byte.is_ascii_digit()) || (part.len() >= 8 && is_hex(part));
    (part.len() > 1 && part.starts_with(['"', '\'', '`'])) || (is_word && is_number)
}

fn is_hex(part: &str) -> bool {
    part.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// The hash FNV-1a. Unlike that of the standard library, it is the same in every process.
struct Fnv(u64);

impl Fnv {
    fn new() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }

    /// Hashes a text, and that it ends.
    fn write(&mut self, text: &str) {
        for byte in text.bytes().chain([0xff]) {
            self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_differs_from_one_time_to_the_next_is_left_out() {
        for (message, pattern) in [
            ("page 71 of 100", "page # of #"),
            ("no user \"ada@example.org\" in `eu-1`", "no user # in #"),
            ("at 0x1f3a: deadbeef01", "at #: #"),
            ("id 0190a1b2-c3d4-7e5f-abcd-0c1d2e3f4a5b is gone", "id # is gone"),
            ("connect to 192.0.2.7:443 failed", "connect to # failed"),
            ("it can't be", "it can't be"),
            ("größer als erwartet", "größer als erwartet"),
            ("", ""),
        ] {
            assert_eq!(message_pattern(message), pattern, "{message}");
        }
        assert!(message_pattern(&"é".repeat(1_000)).chars().count() <= MESSAGE);
    }

    #[test]
    fn a_group_is_of_one_task_code_message_and_place() {
        let problem = |message: &str, frames: &str| Problem {
            details: Some(format!("{{\"backtrace\":[{frames}]}}")),
            ..Problem::new("trap", message)
        };
        let of = |task: &str, problem: &Problem| FailureGroup::of(task, problem);
        let first = of("mail", &problem("page 1", r#""a","b","c","d""#));
        assert_eq!(first, of("mail", &problem("page 2", r#""a","b","c","e""#)));
        for other in [
            of("send", &problem("page 1", r#""a","b","c","d""#)),
            of("mail", &problem("pages 1", r#""a","b","c","d""#)),
            of("mail", &problem("page 1", r#""a","c","b","d""#)),
            of("mail", &problem("page 1", "")),
            of("mail", &Problem { code: "timeout".to_owned(), ..problem("page 1", r#""a","b","c","d""#) }),
        ] {
            assert_ne!(first, other);
        }
        assert_eq!(of("mail", &problem("page 1", "")), of("mail", &Problem::new("trap", "page 1")));
    }

    #[test]
    fn a_group_round_trips_through_text() {
        let group = FailureGroup::of("mail", &Problem::new("odd", "it is odd"));
        assert_eq!(group.to_string().parse(), Ok(group));
        for text in ["", "g", "g1", "c0000000000000001", "g000000000000000G", "g00000000000000001"] {
            assert_eq!(text.parse::<FailureGroup>(), Err(BadGroup), "{text:?}");
        }
    }
}
