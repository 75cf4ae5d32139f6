//! `cargo xtask script-runner`: rebuilds the components for scripts, or checks that the committed ones behave like new ones:
//! the script runner, and the type stripper. A build of saggar does not need this, because the components are committed.

use std::fs;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::{cargo, examples, guests, test262, tools};

/// Names the C compiler for the engine. Its version is part of the recipe.
const REQUIREMENTS: &str = "host/script-runner/requirements.txt";

/// The components.
const RUNNER: &str = "script-runner.wasm";
const STRIPPER: &str = "type-stripper.wasm";

/// The program that snapshots, checks and measures them.
const HARNESS: &str = "saggar-script-runner-harness";

/// The memory of the script runner is as large as its stack makes it; host/script-runner/README.md has the figures.
const RUNNER_STACK_BYTES: usize = 256 << 10;

/// Larger than what wasmtime's own stack of 512 KiB allows, so that a file that is nested too deeply ends as a stack overflow
/// and not as an access outside of the memory.
const STRIPPER_STACK_BYTES: usize = 2 << 20;

/// The action of the command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Replace the committed components by new ones that pass their suites.
    Rebuild,
    /// Build new ones, and run the suites on all of them.
    Check,
    /// Measure the committed script runner.
    Benchmark,
    /// Run test262 on the committed one.
    Test262(Test262),
}

/// How to use the results of test262.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Test262 {
    /// Fail if a test fails that is not in the list.
    Compare,
    /// The same with one test in so many.
    CompareShare(NonZeroUsize),
    /// Write the list.
    Accept,
    /// Run the tests with this in their path, and say why each failing one fails.
    Explain(String),
}

/// Performs the action. The error names the step that failed; its program has printed the reason.
pub fn run(action: Action) -> Result<()> {
    let root = examples::root().canonicalize().context("the repository is not there")?;
    let target = cargo::metadata(&root, &["--no-deps"])?.target_directory;
    let work = target.join("script-runner");
    fs::create_dir_all(&work).with_context(|| format!("cannot make {}", work.display()))?;
    let (runner, stripper) = (root.join("host/script-runner"), root.join("host/type-stripper"));
    let build = Build { root, runner, stripper, target, work };
    let (runner, stripper) = (build.runner.join(RUNNER), build.stripper.join(STRIPPER));
    match action {
        Action::Benchmark => build.benchmark(&runner),
        Action::Test262(purpose) => build.test262(&runner, &purpose),
        Action::Check => {
            build.harness(false, &["types".as_ref(), &stripper, &build.strip_component()?])?;
            build.harness(false, &["conformance".as_ref(), &runner, &build.snapshot()?])
        }
        Action::Rebuild => {
            let built = build.strip_component()?;
            build.harness(false, &["types".as_ref(), &built])?;
            replace(&stripper, &built)?;
            let built = build.snapshot()?;
            build.harness(false, &["conformance".as_ref(), &built])?;
            replace(&runner, &built)
        }
    }
}

fn replace(committed: &Path, built: &Path) -> Result<()> {
    fs::copy(built, committed).map(drop).with_context(|| format!("cannot write {}", committed.display()))
}

/// The folders of the build.
struct Build {
    /// The repository.
    root: PathBuf,
    /// The script runner's sources.
    runner: PathBuf,
    /// The type stripper's sources.
    stripper: PathBuf,
    /// The target directory of the workspace.
    target: PathBuf,
    /// The directory for builds and tools, in the target directory.
    work: PathBuf,
}

impl Build {
    /// Builds the script runner and makes its snapshot; returns where it is.
    fn snapshot(&self) -> Result<PathBuf> {
        let python = self.work.join("python");
        tools::install_python(&self.root, REQUIREMENTS, &python)?;
        let [compiler, archiver] = self.write_wrappers(&python.join("bin/python"))?;
        let mut build = self.component(&self.runner, RUNNER_STACK_BYTES)?;
        build
            // Otherwise rquickjs downloads a compiler.
            .env("RQUICKJS_SYS_NO_WASI_SDK", "1")
            .env("CC_wasm32_wasip2", compiler)
            .env("AR_wasm32_wasip2", archiver)
            .env("ZIG_GLOBAL_CACHE_DIR", self.work.join("zig"));
        succeed(&mut build)?;
        let snapshot = self.work.join(RUNNER);
        let built = self.work.join("guest/wasm32-wasip2/release/saggar_script_runner.wasm");
        self.harness(false, &["snapshot".as_ref(), &built, &snapshot])?;
        self.names_no_folder(&snapshot)?;
        Ok(snapshot)
    }

    /// Measures the committed component: in bare wasmtime with more or less memory resident, and in Saggar's sandbox beside it.
    fn benchmark(&self, runner: &Path) -> Result<()> {
        self.harness(true, &["bench".as_ref(), runner])?;
        succeed(cargo::clean("cargo", &self.root).args(["bench", "--locked", "--workspace", "--bench", "scripts"]))
    }

    /// Runs test262 on the committed component.
    fn test262(&self, runner: &Path, purpose: &Test262) -> Result<()> {
        let suite = test262::fetch(&self.work)?;
        let list = self.runner.join("test262.txt");
        let number;
        let mut arguments: Vec<&Path> = vec!["test262".as_ref(), runner, &suite, &list];
        match purpose {
            Test262::Compare => {}
            Test262::CompareShare(share) => {
                number = share.to_string();
                arguments.extend([Path::new("--share"), Path::new(&number)]);
            }
            Test262::Accept => arguments.push("--accept".as_ref()),
            Test262::Explain(filter) => arguments.push(filter.as_ref()),
        }
        self.harness(false, &arguments)
    }

    /// Builds the type stripper; returns where it is.
    fn strip_component(&self) -> Result<PathBuf> {
        succeed(&mut self.component(&self.stripper, STRIPPER_STACK_BYTES)?)?;
        let built = self.work.join("guest/wasm32-wasip2/release/saggar_type_stripper.wasm");
        self.names_no_folder(&built)?;
        Ok(built)
    }

    /// Returns the command that builds the component of a workspace.
    fn component(&self, sources: &Path, stack_bytes: usize) -> Result<Command> {
        guests::ensure_target(sources)?;
        // The flags below name folders that exist once the packages are there.
        succeed(cargo::clean("cargo", sources).args(["fetch", "--locked"]))?;
        eprintln!("Building {}", sources.display());
        let mut build = cargo::clean("cargo", sources);
        build
            .args(["build", "--release", "--locked", "--target", "wasm32-wasip2", "--target-dir"])
            .arg(self.work.join("guest"))
            .env("RUSTFLAGS", self.rustc_flags(stack_bytes)?);
        Ok(build)
    }

    /// Checks that a component does not contain the names of this machine's folders.
    fn names_no_folder(&self, component: &Path) -> Result<()> {
        let bytes = fs::read(component).with_context(|| format!("cannot read {}", component.display()))?;
        for folder in [self.root.clone(), packages()?, PathBuf::from("registry/src/")] {
            let name = folder.display().to_string();
            let is_in = bytes.windows(name.len()).any(|part| part == name.as_bytes());
            ensure!(!is_in, "{} contains the name of a folder of this machine, {name}", component.display());
        }
        Ok(())
    }

    /// Returns the flags for rustc: the size of the stack, and paths that do not depend on this machine. The last prefix that
    /// fits counts. A folder of packages has the name of its registry, and a number that depends on how that is reached.
    fn rustc_flags(&self, stack_bytes: usize) -> Result<String> {
        let packages = packages()?;
        let mut flags = format!(
            "-C link-arg=-zstack-size={stack_bytes} --remap-path-prefix={}=/cargo --remap-path-prefix={}=/saggar",
            packages.display(),
            self.root.display()
        );
        let registries = packages.join("registry/src");
        let folders = fs::read_dir(&registries).with_context(|| format!("cannot read {}", registries.display()))?;
        for folder in folders {
            let folder = folder.with_context(|| format!("cannot read {}", registries.display()))?.path();
            flags.push_str(&format!(" --remap-path-prefix={}=/packages", folder.display()));
        }
        Ok(flags)
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

    /// Builds the harness with the features of the whole workspace, so that it shares wasmtime with the tests, and runs it.
    fn harness(&self, is_optimised: bool, arguments: &[&Path]) -> Result<()> {
        let mut build = cargo::clean("cargo", &self.root);
        build.args(["build", "--locked", "--quiet", "--workspace", "--bin", HARNESS]);
        if is_optimised {
            build.arg("--release");
        }
        succeed(&mut build)?;
        let profile = if is_optimised { "release" } else { "debug" };
        succeed(Command::new(self.target.join(profile).join(HARNESS)).args(arguments))
    }
}

/// Returns cargo's own folder.
fn packages() -> Result<PathBuf> {
    let home = std::env::home_dir().context("this user has no home directory")?;
    Ok(std::env::var_os("CARGO_HOME").map_or_else(|| home.join(".cargo"), PathBuf::from))
}

fn succeed(command: &mut Command) -> Result<()> {
    let program = command.get_program().to_string_lossy().into_owned();
    let status = command.status().with_context(|| format!("cannot start {program}"))?;
    let arguments: Vec<_> = command.get_args().map(|it| it.to_string_lossy().into_owned()).collect();
    ensure!(status.success(), "`{program} {}` ended with {status}", arguments.join(" "));
    Ok(())
}
