//! What makes a job unique: a fingerprint of its arguments, or of some of them.

use std::fmt::Write;
use std::sync::Arc;

use serde_json::Value;
use sha2::{Digest, Sha256};

/// By what a job is unique within its task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UniqueBy<'a> {
    /// By nothing else: one job of the task at a time.
    Task,
    /// By all its arguments.
    Args,
    /// By the arguments at these positions, from 0; one that is not there counts as `null`.
    Positions(&'a [usize]),
}

/// The fingerprint, for [`NewJob::unique`](crate::NewJob::unique), of a job with the arguments `args`, a JSON array.
///
/// A pure function that stays as it is from version to version, for its answers are stored. Arguments are compared as JSON
/// values: white space, the order of an object's members and the way a character is escaped make no difference; how a
/// number is written does (`1` and `1.0` are two). What cannot be read as a JSON array is compared as text.
pub fn fingerprint(by: UniqueBy<'_>, args: &str) -> Arc<str> {
    let text = match by {
        UniqueBy::Task => return "task".into(),
        UniqueBy::Args => canonical(args, None),
        UniqueBy::Positions(positions) => canonical(args, Some(positions)),
    };
    // Half of the digest is enough to tell jobs apart, and half as much to keep for each.
    let mut hex = String::with_capacity(32);
    for byte in &Sha256::digest(text)[..16] {
        // Writing to a string does not fail.
        let _ = write!(hex, "{byte:02x}");
    }
    hex.into()
}

fn canonical(args: &str, positions: Option<&[usize]>) -> String {
    let Ok(Value::Array(mut args)) = serde_json::from_str(args) else { return args.to_owned() };
    args.iter_mut().for_each(Value::sort_all_objects);
    let Some(positions) = positions else { return Value::from(args).to_string() };
    // The positions belong to it: argument 0 of one job is not argument 1 of another. Arguments may be large, and are
    // not copied.
    let chosen: Vec<_> = positions.iter().map(|at| (*at, args.get(*at).unwrap_or(&Value::Null))).collect();
    // Pairs of a number and a value are always JSON.
    serde_json::to_string(&chosen).unwrap_or_default()
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
    fn equal_values_are_equal_however_they_are_written() {
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
        assert_eq!(at(&[7], "[1]"), at(&[7], "[2]"), "what is not there is null");
    }

    #[test]
    fn what_is_no_array_is_compared_as_text() {
        let deep = format!("{}{}", "[".repeat(500), "]".repeat(500));
        assert_eq!(all(&deep), all(&deep));
        assert_ne!(all("not json"), all("not  json"));
    }

    #[test]
    fn fingerprints_stay_as_they_are_for_they_are_stored() {
        // The SHA-256 of `[1,"two"]` and of `[[1,"two"]]`.
        assert_eq!(&*all(r#"[1,"two"]"#), "2b62e26ccd8788747af18b7fd253ff29");
        assert_eq!(&*at(&[1], r#"[1,"two"]"#), "bfbcee93eb061cd37080be3c8d43d1be");
        assert_eq!(at(&[1, 9], r#"[0,{"b":1.50,"a":"\u00e9"}]"#), all(r#"[[1,{"a":"é","b":1.50}],[9,null]]"#));
    }
}
