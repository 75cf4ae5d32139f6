//! The words of capabilities: origins, methods, names of variables, secrets and directories, patterns of tasks, places in
//! arguments. The operator decides what is granted.

use saggar_grant::{Access, Method, Methods, OriginPattern, TaskPattern, is_dir_name, is_secret_name};

use super::{Choice, Form, is_variable_name};

/// Maximum length of a pointer into the arguments, and of the prefix of keys.
const MAX_TEXT: usize = 256;

/// An origin, such as `https://api.example.com`, or a pattern of origins.
pub(crate) const ORIGIN: Form<OriginPattern> = Form {
    expected: "an origin",
    example: r#""https://api.example.com""#,
    parse: |text| OriginPattern::parse(text).map_err(|error| error.to_string()),
    text: |origin| origin.to_string(),
};

/// A method of HTTP.
pub(crate) const METHOD: Form<Method> = Form {
    expected: "a method of HTTP",
    example: r#""GET""#,
    parse: |text| Method::parse(text).ok_or_else(|| format!("write one of {}", Methods::ALL)),
    text: |method| method.name().to_owned(),
};

/// The name of an environment variable.
pub(crate) const ENV_NAME: Form<String> = Form {
    expected: "the name of an environment variable",
    example: r#""LANG""#,
    parse: |text| {
        let help = "write a name of letters, digits and `_`, for example `\"LANG\"`";
        is_variable_name(text).then(|| text.to_owned()).ok_or_else(|| help.to_owned())
    },
    text: String::clone,
};

/// The name of a secret.
pub(crate) const SECRET_NAME: Form<String> = Form {
    expected: "the name of a secret",
    example: r#""stripe""#,
    parse: |text| {
        let help = "write the name under which the operator grants it: lower-case letters, digits, `-` and `_`";
        is_secret_name(text).then(|| text.to_owned()).ok_or_else(|| help.to_owned())
    },
    text: String::clone,
};

/// The name of a directory.
pub(crate) const DIR_NAME: Form<String> = Form {
    expected: "the name of a directory",
    example: r#""data""#,
    parse: |text| {
        let help = "write the name under which the operator grants it: lower-case letters, digits, `-` and `_`; its files \
                    are below `/NAME`";
        is_dir_name(text).then(|| text.to_owned()).ok_or_else(|| help.to_owned())
    },
    text: String::clone,
};

/// The id of a task, or a pattern of ids.
pub(crate) const TASK_PATTERN: Form<TaskPattern> = Form {
    expected: "the id of a task, or a pattern of ids",
    example: r#""mail.*""#,
    parse: |text| TaskPattern::parse(text).map_err(|error| error.to_string()),
    text: |pattern| pattern.to_string(),
};

/// The beginning of keys of the key-value store.
pub(crate) const KEY_PREFIX: Form<String> = Form {
    expected: "the beginning of keys",
    example: r#""mail/""#,
    parse: |text| {
        let is_prefix = text.len() <= MAX_TEXT && !text.contains(char::is_control);
        let help = format!("write at most {MAX_TEXT} bytes without control characters, for example `\"mail/\"`");
        is_prefix.then(|| text.to_owned()).ok_or(help)
    },
    text: String::clone,
};

/// A JSON pointer into the arguments.
pub(crate) const ARGUMENT_POINTER: Form<String> = Form {
    expected: "a JSON pointer into the arguments",
    example: r#""/0/password""#,
    parse: |text| {
        let help = "write `/`, the number of the argument from 0, and the path in it: `\"/0/password\"`";
        is_argument_pointer(text).then(|| text.to_owned()).ok_or_else(|| help.to_owned())
    },
    text: String::clone,
};

/// What may be done with stored values.
pub(crate) const ACCESS: Choice<Access> = Choice(&[("read", Access::Read), ("write", Access::Write)]);

/// Returns whether a text is a JSON pointer (RFC 6901) whose first part is the index of an argument.
fn is_argument_pointer(text: &str) -> bool {
    let Some(rest) = text.strip_prefix('/').filter(|_| text.len() <= MAX_TEXT) else { return false };
    let first = rest.split('/').next().unwrap_or_default();
    let is_index = !first.is_empty() && first.len() <= 9 && first.bytes().all(|byte| byte.is_ascii_digit());
    let is_escaped = |part: &str| part.split('~').skip(1).all(|after| after.starts_with(['0', '1']));
    is_index && is_escaped(rest) && !rest.contains(char::is_control)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pointer_begins_with_the_index_of_an_argument() {
        for text in ["/0", "/0/password", "/12/a~1b/~0/", "/1/\"x\""] {
            assert!(is_argument_pointer(text), "{text}");
        }
        for text in ["", "/", "0/password", "/password", "/-1", "/0/~2", "/0/a~", "/0\n", "/9999999999"] {
            assert!(!is_argument_pointer(text), "{text}");
        }
    }
}
