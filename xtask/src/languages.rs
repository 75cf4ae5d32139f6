//! Builds the conformance guest in other languages, with pinned tools from the languages' own registries, which it installs in
//! the target directory. Prints what it installs, and skips what is installed.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, PoisonError};

use anyhow::{Context, Result};

mod made;

use made::{STAMP, copy, copy_files, is_installed, is_newer, run};

/// The sources of the conformance guests, below the repository.
const GUESTS: &str = "tests/guests/conformance";

/// Held while tools are installed, because tests that need the same ones run side by side.
static INSTALLING: Mutex<()> = Mutex::new(());

/// Held while a guest in JavaScript is built, because such builds share files in the folder of their tools.
static BUILDING_JAVASCRIPT: Mutex<()> = Mutex::new(());

/// The world of the conformance guests: all roles.
const WORLD: &str = "plugin";

/// The world of the conformance guests in JavaScript, which import variables and files.
const WORLD_WITH_FILES: &str = "plugin-with-files";

/// The modules of the SDK for JavaScript.
const JAVASCRIPT_MODULES: [&str; 3] = ["index.js", "text.js", "files.js"];

/// The world of the guests that only process jobs.
const PROCESSOR_WORLD: &str = "processor-plugin";

/// The repository, and the folder for the tools and what they make.
#[derive(Debug, Clone)]
pub struct Languages {
    root: PathBuf,
    folder: PathBuf,
}

impl Languages {
    /// Uses `languages` in this target directory.
    pub fn new(root: &Path, target: &Path) -> Self {
        Self { root: root.to_owned(), folder: target.join("languages") }
    }

    /// Installs the tools of all languages.
    pub fn install(&self) -> Result<()> {
        self.install_npm("js")?;
        self.install_npm("web")?;
        for language in ["python", "c", "go"] {
            self.install_python(language)?;
        }
        Ok(())
    }

    /// Builds the guest in JavaScript; returns the component.
    pub fn javascript(&self) -> Result<PathBuf> {
        self.build_javascript(WORLD_WITH_FILES, "conformance.js", "javascript.wasm")
    }

    /// Builds the guest in JavaScript that has no SDK; returns the component.
    pub fn javascript_without_sdk(&self) -> Result<PathBuf> {
        self.build_javascript(PROCESSOR_WORLD, "crash.js", "javascript-crash.wasm")
    }

    fn build_javascript(&self, world: &str, source: &str, output: &str) -> Result<PathBuf> {
        let _building = BUILDING_JAVASCRIPT.lock().unwrap_or_else(PoisonError::into_inner);
        let tools = self.install_npm("js")?;
        let (sdk, guest) = (self.root.join("guest-sdk/js"), self.guest("js"));
        let output = self.folder.join(output);
        if is_newer(&output, &[&sdk, &guest, &self.root.join("wit"), &tools.join(STAMP)])? {
            return Ok(output);
        }
        // componentize-qjs follows no link out of its folder, so both are copied.
        let package = tools.join("node_modules/@saggar/guest");
        fs::create_dir_all(&package)?;
        for file in ["package.json"].into_iter().chain(JAVASCRIPT_MODULES) {
            copy(&sdk.join(file), &package.join(file))?;
        }
        let wit = self.wit_with_files(&tools)?;
        copy(&guest.join(source), &tools.join(source))?;
        let mut build = Command::new(tools.join("node_modules/.bin/componentize-qjs"));
        build.args(["--sync", "--world", world, "--js", source, "--module-root", ".", "--wit"]);
        run(build.arg(wit).arg("-o").arg(&output).current_dir(&tools))?;
        Ok(output)
    }

    /// Makes a folder of the contract, of the interfaces that the SDK for JavaScript has modules for, and of the guest's world.
    fn wit_with_files(&self, tools: &Path) -> Result<PathBuf> {
        let (to, sdk) = (tools.join("wit"), self.root.join("guest-sdk/js/wit"));
        if to.exists() {
            fs::remove_dir_all(&to).with_context(|| format!("cannot remove {}", to.display()))?;
        }
        let folders = [(self.root.join("wit"), ""), (sdk.clone(), ""), (sdk.join("deps"), "deps")];
        for (from, below) in folders.into_iter().chain([(self.guest("js").join("wit"), "")]) {
            copy_files(&from, &to.join(below))?;
        }
        Ok(to)
    }

    /// Builds the guest in JavaScript that has no SDK in the way that componentize-qjs builds by default, for the asynchronous
    /// component model. The functions of the WIT package in the folder `wit` may be `async`.
    pub fn asynchronous_javascript(&self, wit: &Path, output: &Path) -> Result<()> {
        let mut build = Command::new(self.install_npm("js")?.join("node_modules/.bin/componentize-qjs"));
        build.args(["--world", PROCESSOR_WORLD, "--js"]).arg(self.guest("js").join("crash.js"));
        run(build.arg("--wit").arg(wit).arg("-o").arg(output))
    }

    /// Builds the guest in JavaScript with componentize-js, whose engine has the web's APIs; returns the component.
    pub fn javascript_with_web_apis(&self) -> Result<PathBuf> {
        self.build_with_web_apis(WORLD_WITH_FILES, "conformance.js", "javascript-web.wasm")
    }

    /// Builds the guest in JavaScript that has no SDK with componentize-js; returns the component.
    pub fn javascript_with_web_apis_without_sdk(&self) -> Result<PathBuf> {
        self.build_with_web_apis(PROCESSOR_WORLD, "crash.js", "javascript-web-crash.wasm")
    }

    fn build_with_web_apis(&self, world: &str, source: &str, output: &str) -> Result<PathBuf> {
        let _building = BUILDING_JAVASCRIPT.lock().unwrap_or_else(PoisonError::into_inner);
        let tools = self.install_npm("web")?;
        let (sdk, guest, builder) = (self.root.join("guest-sdk/js"), self.guest("js"), self.guest("web"));
        let (output, contract) = (self.folder.join(output), self.root.join("wit"));
        if is_newer(&output, &[&sdk, &guest, &builder, &contract, &tools.join(STAMP)])? {
            return Ok(output);
        }
        let (modules, wit) = (tools.join("saggar"), self.wit_with_files(&tools)?);
        fs::create_dir_all(&modules)?;
        for file in JAVASCRIPT_MODULES {
            copy(&sdk.join(file), &modules.join(file))?;
        }
        copy(&guest.join(source), &tools.join(source))?;
        copy(&builder.join("build.js"), &tools.join("build.js"))?;
        let mut build = Command::new("node");
        build.arg("build.js").arg(wit).args([world, source]).arg(&output).current_dir(&tools);
        run(&mut build).context(NO_NODE)?;
        Ok(output)
    }

    /// Builds the guest in Python; returns the component.
    pub fn python(&self) -> Result<PathBuf> {
        self.build_python(WORLD, "app", "python.wasm")
    }

    /// Builds the guest in Python that has no SDK; returns the component.
    pub fn python_without_sdk(&self) -> Result<PathBuf> {
        self.build_python(PROCESSOR_WORLD, "crash", "python-crash.wasm")
    }

    fn build_python(&self, world: &str, module: &str, output: &str) -> Result<PathBuf> {
        let tools = self.install_python("python")?;
        let (sdk, guest) = (self.root.join("guest-sdk/python"), self.guest("python"));
        let output = self.folder.join(output);
        if is_newer(&output, &[&sdk.join("saggar_guest"), &guest, &self.root.join("wit"), &tools.join(STAMP)])? {
            return Ok(output);
        }
        let mut build = Command::new(tools.join("bin/componentize-py"));
        build.arg("-d").arg(self.root.join("wit")).args(["-w", world, "componentize", module, "-o"]).arg(&output);
        // Without `-p`, it would look for more modules wherever it is started.
        run(build.arg("-p").arg(&guest).arg("-p").arg(&sdk).env("PYTHONDONTWRITEBYTECODE", "1"))?;
        Ok(output)
    }

    /// Builds the guest in C; returns the core module, of which `saggar component` makes a component.
    pub fn c(&self) -> Result<PathBuf> {
        let tools = self.install_python("c")?;
        let (sdk, guest) = (self.root.join("guest-sdk/c"), self.guest("c"));
        let output = self.folder.join("c.core.wasm");
        if is_newer(&output, &[&sdk, &guest, &tools.join(STAMP)])? {
            return Ok(output);
        }
        let mut build = Command::new(tools.join("bin/python"));
        build.args(["-m", "ziglang", "cc", "-target", "wasm32-wasi", "-mexec-model=reactor", "-std=gnu11", "-Os"]);
        build.args(["-Wall", "-Wextra", "-Werror", "-Wno-missing-field-initializers", "-Wl,-z,stack-size=65536", "-I"]);
        build.arg(&sdk).arg("-o").arg(&output).arg(guest.join("conformance.c"));
        build.arg(sdk.join("saggar_guest.c")).arg(sdk.join("saggar_text.c"));
        for cache in ["ZIG_GLOBAL_CACHE_DIR", "ZIG_LOCAL_CACHE_DIR"] {
            build.env(cache, self.folder.join("zig-cache"));
        }
        run(&mut build)?;
        Ok(output)
    }

    /// Builds the guest in Go; returns the core module, of which `saggar component` makes a component.
    pub fn go(&self) -> Result<PathBuf> {
        let tools = self.install_python("go")?;
        let (sdk, guest) = (self.root.join("guest-sdk/go"), self.guest("go"));
        let output = self.folder.join("go.core.wasm");
        if is_newer(&output, &[&sdk, &guest, &tools.join(STAMP)])? {
            return Ok(output);
        }
        let mut build = self.go_command(&tools);
        build.args(["run", "saggar.local/guest/build", "-o"]).arg(&output).arg(".");
        run(build.current_dir(guest))?;
        Ok(output)
    }

    /// Go without the network: the SDK and the guest depend on nothing else.
    fn go_command(&self, tools: &Path) -> Command {
        let mut go = Command::new(tools.join("bin/go"));
        go.env("GOCACHE", self.folder.join("go-cache")).env("GOTOOLCHAIN", "local").env("GOPROXY", "off");
        go.env("GOFLAGS", "-mod=mod").env("GOWORK", "off");
        // The SDK's builder starts `go` by its name.
        let others = std::env::var_os("PATH").unwrap_or_default();
        let path = std::env::join_paths([tools.join("bin")].into_iter().chain(std::env::split_paths(&others)));
        go.env("PATH", path.expect("the PATH was split into these"));
        go
    }

    /// Runs the SDK's own tests in Node, and checks the types of the SDK and of what uses it.
    pub fn test_javascript(&self) -> Result<()> {
        run(Command::new("node").arg("--test").current_dir(self.root.join("guest-sdk/js"))).context(NO_NODE)?;
        let tools = self.install_npm("js")?.join("node_modules");
        // The guest's `tsconfig.json` lists the files. The types of Node are not beside them, so their place is passed.
        let mut check = Command::new(tools.join(".bin/tsc"));
        run(check.arg("--project").arg(self.guest("js")).arg("--typeRoots").arg(tools.join("@types")))
    }

    /// Runs the SDK's own tests with pytest, and checks the types of the SDK and of what uses it.
    pub fn test_python(&self) -> Result<()> {
        let (tools, sdk) = (self.install_python("python")?, self.root.join("guest-sdk/python"));
        let mut test = Command::new(tools.join("bin/python"));
        test.args(["-m", "pytest", "-q", "-p", "no:cacheprovider"]).env("PYTHONDONTWRITEBYTECODE", "1");
        run(test.current_dir(&sdk))?;
        let bindings = self.python_bindings(&tools)?;
        let path = std::env::join_paths([&sdk, &bindings]).context("a folder's name contains a colon")?;
        // Each folder by itself, because they have modules of the same name.
        for folder in [sdk.clone(), self.guest("python"), self.root.join("host/templates/python")] {
            let mut check = Command::new(tools.join("bin/mypy"));
            check.arg("--config-file").arg(sdk.join("pyproject.toml"));
            check.arg("--cache-dir").arg(self.folder.join("mypy-cache")).arg(".");
            run(check.env("MYPYPATH", &path).current_dir(folder))?;
        }
        Ok(())
    }

    /// Generates the modules that the SDK imports in a component, so that their types are checked; returns their folder.
    fn python_bindings(&self, tools: &Path) -> Result<PathBuf> {
        let folder = self.folder.join("python-bindings");
        if folder.exists() {
            // componentize-py does not replace files.
            fs::remove_dir_all(&folder).with_context(|| format!("cannot remove {}", folder.display()))?;
        }
        let mut generate = Command::new(tools.join("bin/componentize-py"));
        generate.arg("-d").arg(self.root.join("wit")).args(["-w", WORLD, "bindings"]).arg(&folder);
        run(&mut generate)?;
        Ok(folder)
    }

    /// Compiles the tests of the library for this machine, and runs them.
    pub fn test_c(&self) -> Result<()> {
        let sdk = self.root.join("guest-sdk/c");
        fs::create_dir_all(&self.folder)?;
        let program = self.folder.join("text-test");
        let mut build = Command::new("cc");
        // The names of exports mean nothing here.
        build.args(["-std=c11", "-g", "-Wall", "-Wextra", "-Werror", "-Wno-attributes"]);
        build
            .args(["-fsanitize=address,undefined", "-I"])
            .arg(&sdk)
            .arg("-o")
            .arg(&program)
            .arg(sdk.join("tests/text.c"))
            .arg(sdk.join("saggar_text.c"));
        run(&mut build)?;
        run(&mut Command::new(program))
    }

    /// Runs the SDK's own tests for this machine.
    pub fn test_go(&self) -> Result<()> {
        let tools = self.install_python("go")?;
        let sdk = self.root.join("guest-sdk/go");
        run(self.go_command(&tools).args(["vet", "./..."]).current_dir(&sdk))?;
        run(self.go_command(&tools).args(["test", "./..."]).current_dir(&sdk))
    }

    fn guest(&self, language: &str) -> PathBuf {
        self.root.join(GUESTS).join(language)
    }

    /// Installs the npm packages that the lock file in a guest's folder names; returns the folder that has them.
    fn install_npm(&self, guest: &str) -> Result<PathBuf> {
        let (from, to) = (self.guest(guest), self.folder.join(guest));
        let lock = from.join("package-lock.json");
        let _installing = INSTALLING.lock().unwrap_or_else(PoisonError::into_inner);
        if is_installed(&lock, &to)? {
            return Ok(to);
        }
        eprintln!("Installing the npm packages of {GUESTS}/{guest} in {}", to.display());
        fs::create_dir_all(&to)?;
        for file in ["package.json", "package-lock.json"] {
            copy(&from.join(file), &to.join(file))?;
        }
        run(Command::new("npm").args(["ci", "--no-audit", "--no-fund", "--loglevel=error"]).current_dir(&to))
            .context(NO_NODE)?;
        copy(&lock, &to.join(STAMP))?;
        Ok(to)
    }

    /// Makes a virtual environment with the packages that a guest's requirements name; returns it.
    fn install_python(&self, language: &str) -> Result<PathBuf> {
        let wanted = self.guest(language).join("requirements.txt");
        let to = self.folder.join(language);
        let _installing = INSTALLING.lock().unwrap_or_else(PoisonError::into_inner);
        if is_installed(&wanted, &to)? {
            return Ok(to);
        }
        eprintln!("Installing the Python packages of {GUESTS}/{language} in {}", to.display());
        fs::create_dir_all(&self.folder)?;
        run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&to)).context(NO_PYTHON)?;
        let mut install = Command::new(to.join("bin/pip"));
        install.args(["install", "--quiet", "--disable-pip-version-check", "--requirement"]).arg(&wanted);
        run(&mut install).context("the Python packages cannot be installed; PyPI has to be reachable for this")?;
        copy(&wanted, &to.join(STAMP))?;
        Ok(to)
    }
}

const NO_NODE: &str = "guests in JavaScript need Node 18.19 or later, npm, and its registry; on Debian: apt-get install -y \
    nodejs npm";

const NO_PYTHON: &str = "guests in Python, C and Go need Python 3.11 or later with venv; on Debian: apt-get install -y \
    python3-venv";
