//! What a test says about itself, between `/*---` and `---*/`: the part of YAML that the suite uses.

/// What the suite's INTERPRETING.md defines, as far as it matters here.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Metadata {
    flags: Vec<String>,
    /// Files of the suite's harness that the test needs.
    pub(crate) includes: Vec<String>,
    /// Parts of the language that are newer than most engines.
    pub(crate) features: Vec<String>,
    /// The error that the test has to end with.
    pub(crate) negative: Option<Negative>,
}

/// An error that a test has to end with.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Negative {
    /// Whether it has to come before any of the test runs.
    pub(crate) is_early: bool,
    /// The constructor's name.
    pub(crate) error: String,
}

impl Metadata {
    /// Reads it; `None` if the file has none.
    pub(crate) fn read(text: &str) -> Option<Self> {
        let (_, rest) = text.split_once("/*---")?;
        let (yaml, _) = rest.split_once("---*/")?;
        let words = value(yaml, "negative");
        let after = |key: &str| words.iter().skip_while(|word| *word != key).nth(1).cloned();
        let negative =
            after("type:").map(|error| Negative { is_early: after("phase:").as_deref() != Some("runtime"), error });
        Some(Self {
            flags: value(yaml, "flags"),
            includes: value(yaml, "includes"),
            features: value(yaml, "features"),
            negative,
        })
    }

    /// Whether the test has this flag.
    pub(crate) fn has(&self, flag: &str) -> bool {
        self.flags.iter().any(|it| it == flag)
    }
}

/// Returns the words of a key's value: of a list in brackets or of one with dashes, or of a map.
fn value(yaml: &str, key: &str) -> Vec<String> {
    // Tests of line ends end their lines in other ways, and some indent all of it.
    let lines = || yaml.split(['\n', '\r']);
    let first = lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
    let indent = first.len() - first.trim_start().len();
    let mut lines = lines().map(|line| line.get(indent..).unwrap_or_default()).skip_while(|line| !is_key(line, key));
    let Some(first) = lines.next() else { return Vec::new() };
    let more = lines.take_while(|line| line.is_empty() || line.starts_with([' ', '-']));
    let text = more.fold(first[key.len() + 1..].to_owned(), |text, line| text + " " + line);
    let words = text.split([',', '[', ']', ' ']).filter(|word| !word.is_empty() && *word != "-");
    words.map(str::to_owned).collect()
}

fn is_key(line: &str, key: &str) -> bool {
    line.strip_prefix(key).is_some_and(|rest| rest.starts_with(':'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_in_both_forms_and_the_negative_are_read() {
        let text = "/*---\ndescription: >\n  flags: [raw]\nflags: [async,\n  module]\nfeatures:\n  - a\n  - b-c\nincludes: []\n\
                    negative:\n  phase: parse\n  type: SyntaxError\n---*/\nflags: [no]";
        let read = Metadata::read(text).expect("it has metadata");
        assert!(read.has("async") && read.has("module") && !read.has("raw"), "{read:?}");
        assert_eq!((read.features.len(), read.features[1].as_str(), read.includes.len()), (2, "b-c", 0));
        assert_eq!(read.negative, Some(Negative { is_early: true, error: "SyntaxError".into() }));
        assert_eq!(Metadata::read("/*---\rflags: [onlyStrict]\r---*/").map(|it| it.has("onlyStrict")), Some(true));
        let indented =
            Metadata::read("/*---\n  negative:\n    type: TypeError\n    phase: runtime\n  flags: [raw]\n---*/");
        let indented = indented.expect("it has metadata");
        assert!(indented.has("raw"));
        assert_eq!(indented.negative, Some(Negative { is_early: false, error: "TypeError".into() }));
        assert_eq!(Metadata::read("no test"), None);
    }
}
