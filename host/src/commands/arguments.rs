//! A job's arguments from a command line.

use serde_json::Value;
use serde_json::value::RawValue;

/// Returns the arguments as one JSON array. Keeps an argument as written if it is valid JSON; otherwise makes it a
/// string.
pub(crate) fn array(args: &[String]) -> Box<RawValue> {
    // Some editors write a byte order mark at the start of a file, and an argument may come from one.
    let item = |text: &String| match serde_json::from_str::<&RawValue>(text.trim_start_matches('\u{feff}')) {
        Ok(json) => json.get().to_owned(),
        Err(_) => Value::from(text.as_str()).to_string(),
    };
    let text = format!("[{}]", args.iter().map(item).collect::<Vec<_>>().join(","));
    // Cannot fail, because an array of JSON values is valid JSON.
    RawValue::from_string(text).unwrap_or_else(|_| RawValue::NULL.to_owned())
}

#[cfg(test)]
mod tests {
    #[test]
    fn json_arguments_are_kept_verbatim_and_others_become_strings() {
        let array =
            |args: &[&str]| super::array(&args.iter().map(|&arg| arg.to_owned()).collect::<Vec<_>>()).to_string();
        assert_eq!(array(&[]), "[]");
        assert_eq!(array(&["1", "two", r#"{"b": 1,"a":[3]}"#, "null", "-4"]), r#"[1,"two",{"b": 1,"a":[3]},null,-4]"#);
        assert_eq!(array(&["1.50", "123456789012345678901234567890"]), "[1.50,123456789012345678901234567890]");
        assert_eq!(array(&["\u{feff}{\"a\":1e400}", "\u{feff}a"]), "[{\"a\":1e400},\"\u{feff}a\"]");
        assert_eq!(array(&["1,2", "", "\"a", "NaN"]), r#"["1,2","","\"a","NaN"]"#);
    }
}
