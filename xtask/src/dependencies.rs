//! Checks the repository's dependencies: each package comes from crates.io, has a licence that permits redistribution, and is
//! not a version with a known advisory. Works without a network; the known advisories are listed below.

use anyhow::{Result, bail};

use crate::cargo::Package;
use crate::{cargo, examples};

/// Licences that permit what ours permit. An expression is accepted if one of its alternatives consists of these.
const LICENCES: [&str; 11] = [
    "MIT",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-2-Clause",
    "BSD-3-Clause",
    // Of data: the list of certificate authorities.
    "CDLA-Permissive-2.0",
    "ISC",
    // Of libFuzzer, which only the fuzz targets contain.
    "NCSA",
    "Unicode-3.0",
    "Unlicense",
    "Zlib",
];

/// Packages with advisories, and the first version of the same series without one.
const SAFE_FROM: [(&str, &str); 3] =
    [("wasmtime", "48.0.8"), ("wasmtime-wasi", "48.0.8"), ("wasmtime-wasi-http", "48.0.8")];

/// Checks all workspaces of the repository; the error lists all violations.
pub fn check() -> Result<()> {
    let root = examples::root();
    let mut problems = Vec::new();
    let scripts = ["host/script-runner", "host/type-stripper"];
    for workspace in ["", "examples", "fuzz", "tests/guests"].into_iter().chain(scripts) {
        for package in cargo::metadata(&root.join(workspace), &["--locked"])?.packages {
            problems.extend(package.problems().into_iter().map(|problem| format!("{}: {problem}", package.id())));
        }
    }
    problems.sort();
    problems.dedup();
    if problems.is_empty() { Ok(()) } else { bail!("{}", problems.join("\n")) }
}

impl Package {
    fn id(&self) -> String {
        format!("{} {}", self.name, self.version)
    }

    fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        match &self.license {
            None => problems.push("has no licence".to_owned()),
            Some(licence) if !is_accepted(licence) => problems.push(format!("the licence `{licence}` is not accepted")),
            Some(_) => {}
        }
        if let Some(source) = self.source.as_ref().filter(|source| !source.contains("crates.io-index")) {
            problems.push(format!("comes from {source}, not from crates.io"));
        }
        for (name, version) in SAFE_FROM {
            if self.name == name && numbers(&self.version) < numbers(version) {
                problems.push(format!("has known advisories; take at least {version}"));
            }
        }
        problems
    }
}

/// Returns whether an SPDX expression, or the older form with a slash, has an accepted alternative.
fn is_accepted(expression: &str) -> bool {
    let expression = expression.replace(" / ", " OR ").replace('/', " OR ");
    // Without nesting beyond one level, which no package of ours has, AND binds weaker than a group in brackets.
    expression.split(" AND ").all(|part| {
        let part = part.trim_matches(['(', ')']);
        part.split(" OR ").any(|licence| LICENCES.contains(&licence.trim_matches(['(', ')', ' '])))
    })
}

fn numbers(version: &str) -> Vec<u64> {
    version.split(['.', '-', '+']).filter_map(|part| part.parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accepts_an_expression_if_a_choice_is_left() {
        for good in ["MIT", "MIT/Apache-2.0", "MIT OR GPL-3.0", "(MIT OR Apache-2.0) AND Unicode-3.0", "Unlicense/MIT"]
        {
            assert!(is_accepted(good), "{good}");
        }
        for bad in ["GPL-3.0", "MIT AND GPL-3.0", "(GPL-2.0 OR GPL-3.0) AND MIT", ""] {
            assert!(!is_accepted(bad), "{bad}");
        }
    }

    #[test]
    fn a_version_with_advisories_is_a_problem() {
        let package = |version: &str| Package {
            name: "wasmtime".into(),
            version: version.into(),
            license: Some("MIT".into()),
            source: Some("registry+https://github.com/rust-lang/crates.io-index".into()),
            metadata: serde_json::Value::Null,
            targets: Vec::new(),
        };
        assert_eq!(package("48.0.7").problems(), ["has known advisories; take at least 48.0.8"]);
        assert!(package("48.0.10").problems().is_empty());
    }
}
