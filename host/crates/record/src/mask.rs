//! Masks: values in the arguments of a job that its records do not contain.

use std::borrow::Cow;

use serde_json::Value;

/// What a masked value is replaced with.
const MASK: &str = "masked";

/// Returns arguments in which the values at these JSON pointers are replaced.
pub fn masked<'a>(args: &'a str, pointers: &[String]) -> Cow<'a, str> {
    if pointers.is_empty() {
        return Cow::Borrowed(args);
    }
    // Arguments that cannot be parsed, such as those with a number of a thousand digits, cannot be masked in part.
    let Ok(mut value) = serde_json::from_str::<Value>(args) else { return Cow::Borrowed("[]") };
    let mut is_changed = false;
    for pointer in pointers {
        if let Some(found) = value.pointer_mut(pointer) {
            *found = MASK.into();
            is_changed = true;
        }
    }
    // Unchanged text stays as it was written.
    if is_changed { Cow::Owned(value.to_string()) } else { Cow::Borrowed(args) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_replaced_and_other_text_is_kept() {
        let args = r#"[{"user": "ada", "password": "secret"},  1.50]"#;
        let pointers = |texts: &[&str]| texts.iter().map(|&text| text.to_owned()).collect::<Vec<_>>();
        assert_eq!(masked(args, &[]), args);
        assert_eq!(masked(args, &pointers(&["/7", "/0/token"])), args);
        let safe = masked(args, &pointers(&["/0/password", "/1"]));
        assert_eq!(safe, r#"[{"password":"masked","user":"ada"},"masked"]"#);
        assert_eq!(masked("[1e999]", &pointers(&["/0"])), "[]", "a number that does not fit");
    }
}
