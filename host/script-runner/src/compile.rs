//! Compiles a script and what it imports, and checks that the functions that tasks refer to can exist.

use rquickjs::{Context, Ctx, Runtime};

use crate::bindings::exports::saggar::script::compiler::Compiled;
use crate::bindings::saggar::script::source::{self, Diagnostic};
use crate::bytecode::{self, Form};
use crate::diagnostics::{pending, position_at, position_of, whole_file};
use crate::probe::{self, Known};
use crate::sources::{self, Source};
use crate::{engine, ffi, memory, names, specifier};

/// The engine, for messages.
const ENGINE: &str = "QuickJS-NG 0.16.2";

/// Compiles `entry` and its imports. `fresh_context` makes a context with the prelude.
pub(crate) fn compile(
    entry: &str,
    functions: &[String],
    fresh_context: fn(&Runtime) -> Context,
) -> Result<Compiled, Vec<Diagnostic>> {
    sources::clear();
    memory::begin_call();
    let text = sources::read(entry)?;
    let error = engine::context().with(|ctx| {
        ffi::update_stack_top(&ctx);
        compile_entry(&ctx, entry, &text).err()
    });
    let diagnostics: Vec<_> = error.into_iter().chain(sources::take_diagnostics()).collect();
    if !diagnostics.is_empty() {
        return Err(diagnostics);
    }
    let source = sources::compiled(entry).expect("the entry was compiled");
    let known = probe::probe(&source, functions, fresh_context);
    let problems = check(&source, &known, functions, fresh_context);
    if !problems.is_empty() {
        return Err(problems);
    }
    let modules = sources::take_compiled().into_iter().map(|(source, code)| source::Module { file: source.file, code });
    Ok(Compiled { modules: modules.collect(), functions: known.functions.into_iter().collect(), engine: ENGINE.into() })
}

/// Compiles the entry in the first form that it fits: a classic script, one with `await` outside of functions, a module.
fn compile_entry(ctx: &Ctx<'_>, file: &str, text: &str) -> Result<(), Diagnostic> {
    let mut first = None;
    if !specifier::is_module(file) {
        for form in [Form::Script, Form::AsyncScript] {
            match bytecode::compile_script(ctx, file, text, form) {
                Ok(code) => {
                    sources::keep(Source { file: file.into(), text: text.into(), form }, code);
                    return Ok(());
                }
                Err(error) => first = first.or(Some(pending(ctx, error, file, text))),
            }
        }
    }
    let Err(error) = sources::compile_module(ctx, file, text) else { return Ok(()) };
    let error = pending(ctx, error, file, text);
    match first {
        // A file that neither imports nor exports is meant to be a classic script.
        Some(first) if !looks_like_module(text) => Err(first),
        _ => {
            sources::follow_imports(ctx, file, text, error.position.as_ref().map(|position| position.line));
            Err(error)
        }
    }
}

fn looks_like_module(text: &str) -> bool {
    text.lines().map(str::trim_start).any(|line| {
        ["import ", "import{", "import'", "import\"", "import*", "export ", "export{", "export*"]
            .iter()
            .any(|it| line.starts_with(it))
    })
}

/// Checks that imports can be linked and that the wanted functions can exist.
fn check(source: &Source, known: &Known, wanted: &[String], fresh_context: fn(&Runtime) -> Context) -> Vec<Diagnostic> {
    if let Some(error) = &known.link_error {
        return link_problems(error, fresh_context);
    }
    let functions: Vec<String> = known.functions.iter().cloned().collect();
    let is_missing = |name: &&String| {
        !known.functions.contains(*name) && !known.others.contains(*name) && !may_be_assigned(source, name)
    };
    wanted.iter().filter(is_missing).map(|name| missing(source, name, &functions)).collect()
}

fn missing(source: &Source, name: &str, functions: &[String]) -> Diagnostic {
    let declaration = format!("function {name}");
    let declared =
        |line: &str| line.find(&declaration).filter(|at| !line[at + declaration.len()..].starts_with(is_part));
    if source.form == Form::Module
        && let Some(position) = position_of(&source.text, declared)
    {
        let message = format!("the function `{name}` is not exported; write `export function {name}`");
        return Diagnostic { file: source.file.clone(), position: Some(position), message };
    }
    let what = if source.form == Form::Module { "exported function" } else { "function" };
    whole_file(&source.file, format!("there is no {what} `{name}`{}", names::alternatives(name, functions)))
}

/// Whether a classic script may make a global of this name when it runs: it assigns to the name, or has it as a string.
fn may_be_assigned(source: &Source, name: &str) -> bool {
    source.form != Form::Module
        && source.text.match_indices(name).any(|(at, _)| {
            let (before, after) = (&source.text[..at], &source.text[at + name.len()..]);
            let is_word = !before.ends_with(is_part) && !after.starts_with(is_part);
            let after = after.trim_start();
            let is_assigned = after.starts_with('=') && !after.starts_with("==") && !after.starts_with("=>");
            is_word && (is_assigned || before.ends_with(['\'', '"', '`']))
        })
}

fn is_part(character: char) -> bool {
    character.is_alphanumeric() || character == '_' || character == '$'
}

/// Finds the imports that cannot be linked: `error` is the first that the engine found from the entry. Linking each file for
/// itself finds the first of each.
fn link_problems(error: &str, fresh_context: fn(&Runtime) -> Context) -> Vec<Diagnostic> {
    let files = sources::all_compiled();
    let mut errors = vec![error.to_owned()];
    for file in files.iter().filter(|file| file.form == Form::Module) {
        if let Some(error) = probe::probe(file, &[], fresh_context).link_error
            && !errors.contains(&error)
        {
            errors.push(error);
        }
    }
    errors.iter().flat_map(|error| link_problem(&files, error)).collect()
}

/// Finds the imports that cannot be linked. The engine's message names what is missing and the file that lacks it:
/// `Could not find export 'name' in module 'scripts/file.js'`.
fn link_problem(files: &[Source], error: &str) -> Vec<Diagnostic> {
    let names: Vec<&str> = error.split('\'').skip(1).step_by(2).collect();
    let (Some(missing), Some(lacking)) = (names.first(), names.last()) else {
        return vec![whole_file(files.last().map_or("", |entry| &entry.file), error)];
    };
    let message = match specifier::is_typescript(lacking) {
        true => format!("{error}; write `import type` for what is only a type"),
        false => error.to_owned(),
    };
    let problem = |file: &Source| {
        let position = position_at(&file.text, import_of(file, lacking, missing)?);
        Some(Diagnostic { file: file.file.clone(), position: Some(position), message: message.clone() })
    };
    let problems: Vec<_> = files.iter().filter_map(problem).collect();
    if problems.is_empty() { vec![whole_file(lacking, message)] } else { problems }
}

/// Returns where a file imports a name from another file.
fn import_of(source: &Source, from: &str, name: &str) -> Option<usize> {
    source.text.match_indices("from").find_map(|(at, keyword)| {
        let after = &source.text[at + keyword.len()..];
        let quoted = after.trim_start();
        let mut parts = quoted.splitn(3, ['\'', '"']);
        let (Some(""), Some(specifier)) = (parts.next(), parts.next()) else { return None };
        let statement = &source.text[..at];
        let statement = &statement[statement.rfind("import").max(statement.rfind("export"))?..];
        // `import name from` has the name of the default export without naming it.
        let is_default = statement["import".len()..].trim_start().starts_with(is_part);
        let has_name = statement.contains(name) || name == "default" && is_default;
        let is_it = has_name && specifier::resolve(&source.file, specifier).is_ok_and(|file| file == from);
        is_it.then(|| source.text.len() - quoted.len())
    })
}
