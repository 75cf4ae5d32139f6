//! Fingerprints, which make jobs unique by their arguments or by some of them.

use std::borrow::Cow;
use std::fmt::Write;
use std::sync::Arc;

use saggar_json::JsonError;
use sha2::{Digest, Sha256};

/// What makes a job unique within its task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UniqueBy<'a> {
    /// The task alone: one job of the task at a time.
    Task,
    /// All its arguments.
    Args,
    /// The arguments at these positions, from 0; a missing one counts as `null`.
    Positions(&'a [usize]),
}

/// Returns the fingerprint, for [`NewJob::unique`](crate::NewJob::unique), of a job with the arguments `args`, a JSON
/// array.
///
/// A pure function whose results do not change between versions, because they are stored. Arguments are compared as
/// JSON values in their canonical form ([`saggar_json::canonical`]): all digits of a number count, `1.5` and `1.50` are
/// the same number, and `1` and `1.0` are different ones. Text that is not a JSON array is compared as text.
pub fn fingerprint(by: UniqueBy<'_>, args: &str) -> Arc<str> {
    let text = match by {
        UniqueBy::Task => return "task".into(),
        UniqueBy::Args => canonical(args, None),
        UniqueBy::Positions(positions) => canonical(args, Some(positions)),
    };
    // Half of the digest is enough to distinguish jobs, and takes half the space.
    let mut hex = String::with_capacity(32);
    for byte in &Sha256::digest(text.as_bytes())[..16] {
        // Writing to a string does not fail.
        let _ = write!(hex, "{byte:02x}");
    }
    hex.into()
}

/// Returns whether `one` and `other` are the same arguments, compared as [`fingerprint`] compares all of them.
pub fn are_same_args(one: &str, other: &str) -> bool {
    one == other || canonical(one, None) == canonical(other, None)
}

fn canonical<'a>(args: &'a str, positions: Option<&[usize]>) -> Cow<'a, str> {
    if !args.trim_ascii_start().starts_with('[') {
        return Cow::Borrowed(args);
    }
    let canonical = match positions {
        None => saggar_json::canonical(args),
        Some(positions) => chosen(args, positions),
    };
    canonical.map_or(Cow::Borrowed(args), Cow::Owned)
}

/// Returns the arguments at these positions, each with its position: argument 0 of one job is not argument 1 of
/// another.
fn chosen(args: &str, positions: &[usize]) -> Result<String, JsonError> {
    let args = saggar_json::items(args)?;
    let pair = |at: &usize| Ok(format!("[{at},{}]", saggar_json::canonical(args.get(*at).unwrap_or(&"null"))?));
    let pairs: Result<Vec<String>, JsonError> = positions.iter().map(pair).collect();
    Ok(format!("[{}]", pairs?.join(",")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(args: &str) -> Arc<str> {
        fingerprint(UniqueBy::Args, args)
    }

    fn at(positions: &[usize], args: &str) -> Arc<str> {
        fingerprint(UniqueBy::Positions(positions), args)
    }

    #[test]
    fn equal_json_values_have_equal_fingerprints() {
        assert_eq!(
            all(r#"[1,{"a":2,"b":{"x":null,"y":"é"}}]"#),
            all(r#" [ 1, {"b":{"y":"\u00e9","x":null},"a":2} ] "#)
        );
        assert_ne!(all("[1,2]"), all("[2,1]"));
        assert_ne!(all("[1]"), all("[\"1\"]"));
        assert_ne!(all("[]"), fingerprint(UniqueBy::Task, "[]"));
        assert_eq!(fingerprint(UniqueBy::Task, "[1]"), fingerprint(UniqueBy::Task, "[2]"));
    }

    #[test]
    fn only_chosen_arguments_count() {
        assert_eq!(at(&[0], "[1,2]"), at(&[0], "[1,3]"));
        assert_ne!(at(&[0], "[1,2]"), at(&[1], "[2,1]"));
        assert_ne!(at(&[0, 1], "[1,2]"), at(&[0, 1], "[1,3]"));
        assert_eq!(at(&[7], "[1]"), at(&[7], "[2]"), "a missing argument is null");
    }

    #[test]
    fn all_digits_of_a_number_count() {
        for (one, other) in [
            ("[18446744073709551616]", "[18446744073709551617]"),
            ("[-9223372036854775809]", "[-9223372036854775810]"),
            (r#"[{"a":[1e400]}]"#, r#"[{"a":[1e401]}]"#),
            ("[0.1]", "[0.1000000000000000055]"),
            ("[1]", "[1.0]"),
        ] {
            assert_ne!(all(one), all(other));
            assert_ne!(at(&[0], one), at(&[0], other));
            assert!(!are_same_args(one, other));
        }
        assert_eq!(all("[1e400,1.50,1e2]"), all("[10e399,1.5,100.0]"));
        assert_eq!(at(&[1], "[1e400,1.50]"), at(&[1], "[1e401,15e-1]"));
        assert!(are_same_args("[1.50, 1e400]", "[1.5,10e399]"));
    }

    #[test]
    fn text_that_is_not_an_array_is_compared_as_text() {
        let deep = format!("{}{}", "[".repeat(500), "]".repeat(500));
        assert_eq!(all(&deep), all(&deep));
        assert_ne!(all("not json"), all("not  json"));
    }

    #[test]
    fn fingerprints_do_not_change_between_versions() {
        // The SHA-256 of `[1,"two"]` and of `[[1,"two"]]`.
        assert_eq!(&*all(r#"[1,"two"]"#), "2b62e26ccd8788747af18b7fd253ff29");
        assert_eq!(&*at(&[1], r#"[1,"two"]"#), "bfbcee93eb061cd37080be3c8d43d1be");
        assert_eq!(at(&[1, 9], r#"[0,{"b":1.50,"a":"\u00e9"}]"#), all(r#"[[1,{"a":"é","b":1.50}],[9,null]]"#));
    }
}
