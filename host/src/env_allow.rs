//! The environment variables that task files may use.

use std::fmt;

/// Patterns of names of environment variables, in which `*` matches any number of characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EnvAllow(Vec<String>);

impl EnvAllow {
    /// The default of the binary's configuration.
    pub const DEFAULT: &str = "SAGGAR_APP_*";

    /// Parses patterns; `None` if one of them cannot match any name. Names consist of letters, digits and `_`.
    pub fn new(patterns: impl IntoIterator<Item = String>) -> Option<Self> {
        let patterns: Vec<_> = patterns.into_iter().collect();
        let is_allowed = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '*';
        patterns.iter().all(|pattern| !pattern.is_empty() && pattern.chars().all(is_allowed)).then_some(Self(patterns))
    }

    /// Returns the pattern that allows all names.
    pub fn all() -> Self {
        Self(vec!["*".to_owned()])
    }

    /// Returns no pattern: no name is allowed.
    pub fn none() -> Self {
        Self(Vec::new())
    }

    /// Returns whether task files may use the variable `name`.
    pub fn allows(&self, name: &str) -> bool {
        self.0.iter().any(|pattern| matches(pattern, name))
    }

    /// Returns the patterns.
    pub fn patterns(&self) -> &[String] {
        &self.0
    }
}

impl fmt::Display for EnvAllow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.as_slice() {
            [] => f.write_str("(none)"),
            patterns => f.write_str(&patterns.iter().map(|it| format!("`{it}`")).collect::<Vec<_>>().join(", ")),
        }
    }
}

/// Returns whether `name` matches. Matches the parts between the stars from left to right, each at its first position,
/// because that leaves the most text for the following parts.
fn matches(pattern: &str, name: &str) -> bool {
    let Some((start, rest)) = pattern.split_once('*') else { return pattern == name };
    let Some(mut name) = name.strip_prefix(start) else { return false };
    let mut parts: Vec<&str> = rest.split('*').collect();
    let end = parts.pop().unwrap_or_default();
    for part in parts {
        let Some(at) = name.find(part) else { return false };
        name = name.get(at + part.len()..).unwrap_or_default();
    }
    name.ends_with(end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_match_any_number_of_characters() {
        let allows = |pattern: &str, name| EnvAllow::new([pattern.to_owned()]).unwrap().allows(name);
        for (pattern, name) in [
            ("*", "A"),
            ("A", "A"),
            ("A*", "A"),
            ("A*", "AB"),
            ("*B", "AB"),
            ("A*C*", "ABCD"),
            ("A*A", "AA"),
            ("**", ""),
        ] {
            assert!(allows(pattern, name), "{pattern} {name}");
        }
        for (pattern, name) in [("A", "B"), ("A", "AB"), ("A*", "BA"), ("*B", "BA"), ("A*A", "A"), ("A*B*C", "ACB")] {
            assert!(!allows(pattern, name), "{pattern} {name}");
        }
        assert_eq!(EnvAllow::new(["A-B".to_owned()]), None);
        assert!(!EnvAllow::new([]).unwrap().allows("A"));
    }
}
