//! `cargo xtask script-runner`: rebuilds the component that runs scripts, or checks that the committed one behaves like a new
//! one. Nobody who builds saggar needs this: the component is committed.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::{cargo, examples, guests, tools};

/// Names the C compiler for the engine. Its version is part of the recipe.
const REQUIREMENTS: &str = "host/script-runner/requirements.txt";

/// The memory of the component is as large as its stack makes it; host/script-runner/README.md has the figures.
const STACK_BYTES: usize = 256 << 10;

/// What the command is to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Replace the committed component by a new one that passes the conformance suite.
    Rebuild,
    /// Build a new one, and run the suite on both.
    Check,
    /// Measure the committed one.
    Benchmark,
}

/// Carries out the action. The error says which step failed; its program has said why.
pub fn run(action: Action) -> Result<()> {
    let root = examples::root().canonicalize().context("the repository is not there")?;
    let runner = root.join("host/script-runner");
    let work = cargo::metadata(&root, &["--no-deps"])?.target_directory.join("script-runner");
    fs::create_dir_all(&work).with_context(|| format!("cannot make {}", work.display()))?;
    let build = RunnerBuild { committed: runner.join("script-runner.wasm"), root, runner, work };
    match action {
        Action::Benchmark => build.harness(true, &["bench".as_ref(), &build.committed]),
        Action::Check => {
            let built = build.snapshot()?;
            build.harness(false, &["conformance".as_ref(), &build.committed, &built])
        }
        Action::Rebuild => {
            let built = build.snapshot()?;
            build.harness(false, &["conformance".as_ref(), &built])?;
            fs::copy(&built, &build.committed)
                .map(drop)
                .with_context(|| format!("cannot write {}", build.committed.display()))
        }
    }
}

/// The folders of the build.
struct RunnerBuild {
    /// The repository.
    root: PathBuf,
    /// The runner's sources.
    runner: PathBuf,
    /// The component that is committed.
    committed: PathBuf,
    /// What is built and installed goes here, in the target directory.
    work: PathBuf,
}

impl RunnerBuild {
    /// Builds the component and makes its snapshot; returns where it is.
    fn snapshot(&self) -> Result<PathBuf> {
        guests::ensure_target(&self.runner)?;
        let python = self.work.join("python");
        tools::install_python(&self.root, REQUIREMENTS, &python)?;
        let [compiler, archiver] = self.write_wrappers(&python.join("bin/python"))?;
        eprintln!("Building the script runner");
        let target = self.work.join("guest");
        let mut build = cargo::clean("cargo", &self.runner);
        build
            .args(["build", "--release", "--locked", "--target", "wasm32-wasip2", "--target-dir"])
            .arg(&target)
            // Otherwise rquickjs downloads a compiler.
            .env("RQUICKJS_SYS_NO_WASI_SDK", "1")
            .env("CC_wasm32_wasip2", compiler)
            .env("AR_wasm32_wasip2", archiver)
            .env("ZIG_GLOBAL_CACHE_DIR", self.work.join("zig"))
            .env("RUSTFLAGS", self.rustc_flags()?);
        succeed(&mut build)?;
        let snapshot = self.work.join("script-runner.wasm");
        let built = target.join("wasm32-wasip2/release/saggar_script_runner.wasm");
        self.harness(false, &["snapshot".as_ref(), &built, &snapshot])?;
        Ok(snapshot)
    }

    /// Returns the flags for rustc: the size of the stack, and paths that do not depend on this machine.
    fn rustc_flags(&self) -> Result<String> {
        let home = std::env::home_dir().context("this user has no home directory")?;
        let packages = std::env::var_os("CARGO_HOME").map_or_else(|| home.join(".cargo"), PathBuf::from);
        Ok(format!(
            "-C link-arg=-zstack-size={STACK_BYTES} --remap-path-prefix={}=/cargo --remap-path-prefix={}=/saggar",
            packages.display(),
            self.root.display()
        ))
    }

    /// Writes the programs that cargo's build scripts call as C compiler and archiver.
    ///
    /// QuickJS-NG switches its check for stack overflows off where `__wasi__` is defined; the header of the WASI API refuses to
    /// be included then, and is not needed.
    fn write_wrappers(&self, python: &Path) -> Result<[PathBuf; 2]> {
        let compiler = format!(
            "#!/bin/sh\n\
             for argument; do\n  shift\n  case \"$argument\" in --target=*) ;; *) set -- \"$@\" \"$argument\" ;; esac\ndone\n\
             exec '{}' -m ziglang cc -target wasm32-wasi-musl -U__wasi__ -D__wasi_api_h -fno-sanitize=undefined \
             \"-ffile-prefix-map=$OUT_DIR=quickjs\" \"$@\"\n",
            python.display()
        );
        let archiver = format!("#!/bin/sh\nexec '{}' -m ziglang ar \"$@\"\n", python.display());
        let write = |name: &str, text: &str| {
            let path = self.work.join(name);
            fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
            succeed(Command::new("chmod").arg("+x").arg(&path)).map(|()| path)
        };
        Ok([write("zig-cc", &compiler)?, write("zig-ar", &archiver)?])
    }

    /// Runs the harness, which is a workspace of its own: it needs wasmtime with other features than saggar.
    fn harness(&self, is_optimised: bool, arguments: &[&Path]) -> Result<()> {
        let mut harness = cargo::clean("cargo", &self.runner.join("harness"));
        harness.args(["run", "--locked", "--quiet", "--target-dir"]).arg(self.work.join("harness"));
        if is_optimised {
            harness.arg("--release");
        }
        succeed(harness.arg("--").args(arguments))
    }
}

fn succeed(command: &mut Command) -> Result<()> {
    let program = command.get_program().to_string_lossy().into_owned();
    let status = command.status().with_context(|| format!("cannot start {program}"))?;
    let arguments: Vec<_> = command.get_args().map(|it| it.to_string_lossy().into_owned()).collect();
    ensure!(status.success(), "`{program} {}` ended with {status}", arguments.join(" "));
    Ok(())
}
