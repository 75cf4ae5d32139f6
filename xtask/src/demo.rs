//! `cargo demo`: builds everything and runs the examples, each command shown as a user would type it.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

use crate::{cargo, examples};

/// A command of the demo.
struct Step {
    /// What it shows.
    about: &'static str,
    /// Everything after `saggar`.
    arguments: &'static [&'static str],
    /// How it is expected to end.
    exit_code: i32,
}

const DOCUMENTS: &str = concat!(
    r##"[{"name": "kiln.md", "text": "# The kiln\n\nIt is *hot*.\n\n## Firing"}, "##,
    r##"{"name": "clay.md", "text": "# Clay"}]"##
);

const STEPS: &[Step] = &[
    Step {
        about: "The task and the script of Yao's document as they are, without a build step.",
        arguments: &["run", "examples/apps/yao", "test", "进入任务1"],
        exit_code: 0,
    },
    Step {
        about: "The document's loop: a job adds 99 others; `run` waits for all of them.",
        arguments: &["run", "examples/apps/yao", "loop"],
        exit_code: 0,
    },
    Step {
        about: "`check` looks at every task and component of an app and shows what they are allowed.",
        arguments: &["check", "examples/apps/seed"],
        exit_code: 0,
    },
    Step {
        about: "The smallest plugin: one function.",
        arguments: &["run", "examples/apps/hello", "greet", "Ada"],
        exit_code: 0,
    },
    Step {
        about: "The same loop as a plugin in Rust.",
        arguments: &["run", "examples/apps/seed", "loop"],
        exit_code: 0,
    },
    Step {
        about: "Typed arguments: Markdown documents become pages, with progress for each one.",
        arguments: &["run", "examples/apps/markdown", "site.render", DOCUMENTS],
        exit_code: 0,
    },
    Step {
        about: "The first two attempts fail; the third one, after 200 and 400 ms, succeeds.",
        arguments: &["run", "examples/apps/trouble", "flaky"],
        exit_code: 0,
    },
    Step {
        about: "An endless loop is stopped after the task's timeout of 1 s. So this is expected to fail, with exit code 1.",
        arguments: &["run", "examples/apps/trouble", "endless"],
        exit_code: 1,
    },
];

const WHAT_TAKES_LONG: &str = "\
The first time, this compiles wasmtime and its compiler, which takes minutes; afterwards it takes seconds. What cargo does is shown
below. `cargo xtask test` goes on from what is built here.";

/// Builds the examples and the host, then runs every step. Stops at the first step that ends unexpectedly.
///
/// The demo's own messages go to standard error, so that standard output contains only the output of the commands.
pub fn run() -> Result<()> {
    eprintln!("{WHAT_TAKES_LONG}\n");
    eprintln!("1. The examples' plugins, for wasm32-wasip2 …");
    for component in examples::install()? {
        let size = component.metadata().with_context(|| format!("cannot read {}", component.display()))?.len();
        eprintln!("  {} ({} KB)", shown(&component).display(), size.div_ceil(1000));
    }
    eprintln!("2. The host …");
    let saggar = build_host()?;
    eprintln!("`saggar` is {}\n", shown(&saggar).display());
    STEPS.iter().try_for_each(|step| step.run(&saggar))?;
    eprintln!("Next: guest-sdk/rust/README.md says how to write a plugin of your own.");
    Ok(())
}

impl Step {
    fn run(&self, saggar: &Path) -> Result<()> {
        eprintln!("# {}\n$ saggar {}", self.about, quoted(self.arguments));
        let status = Command::new(saggar)
            .args(self.arguments)
            .current_dir(examples::root())
            .status()
            .with_context(|| format!("cannot start {}", saggar.display()))?;
        eprintln!();
        let expected = self.exit_code;
        ensure!(
            status.code() == Some(expected),
            "this should have ended with exit code {expected}, and not with {status}"
        );
        Ok(())
    }
}

/// Quotes the arguments for a shell.
fn quoted(arguments: &[&str]) -> String {
    let plain = |letter: char| letter.is_alphanumeric() || "/._-".contains(letter);
    let quote =
        |argument: &&str| if argument.chars().all(plain) { argument.to_string() } else { format!("'{argument}'") };
    arguments.iter().map(quote).collect::<Vec<_>>().join(" ")
}

/// Returns a path relative to the repository.
fn shown(path: &Path) -> PathBuf {
    let root = examples::root().canonicalize().unwrap_or_default();
    path.strip_prefix(root).unwrap_or(path).to_owned()
}

#[derive(Deserialize)]
struct Built {
    executable: Option<PathBuf>,
}

/// Builds the host in this repository's target directory; returns the path of the binary.
///
/// Uses the profile of the tests: they run the same binary, their first build finds it there, and it is built faster than the
/// release. The compiler of plugins is optimized in it as well.
fn build_host() -> Result<PathBuf> {
    let output = cargo::of_user(examples::root())
        .args(["build", "--workspace", "--bin", "saggar", "--message-format", "json-render-diagnostics"])
        .stderr(Stdio::inherit())
        .output()
        .context("cannot start cargo")?;
    ensure!(output.status.success(), "the host does not build; see above");
    let messages = String::from_utf8(output.stdout).context("cargo wrote something that is no text")?;
    let mut executables = messages.lines().filter_map(|line| serde_json::from_str::<Built>(line).ok()?.executable);
    executables.next_back().context("the package saggar has no binary")
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_originals_example_comes_first() {
        let first: Vec<_> = super::STEPS.iter().take(2).map(|step| step.arguments[1]).collect();
        assert_eq!(first, ["examples/apps/yao"; 2]);
    }

    #[test]
    fn arguments_are_shown_as_a_shell_wants_them() {
        assert_eq!(super::quoted(&["run", "apps/x", "a.b", r#"["c"]"#]), r#"run apps/x a.b '["c"]'"#);
    }
}
