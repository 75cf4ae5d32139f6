//! Compiles a script and what it imports, and checks that the functions that tasks refer to can exist.

use rquickjs::{Context, Ctx, Exception, Runtime};

use crate::bindings::exports::saggar::script::compiler::{Compiled, Diagnostic};
use crate::bindings::saggar::script::source;
use crate::bytecode::{self, Form};
use crate::diagnostics::{self, position_of, whole_file};
use crate::probe::{self, Known};
use crate::sources::{self, Source};
use crate::{engine, ffi, names};

/// The engine, for messages.
const ENGINE: &str = "QuickJS-NG 0.16.2";

/// Compiles `entry` and its imports. `fresh_context` makes a context with the prelude.
pub(crate) fn compile(
    entry: &str,
    functions: &[String],
    fresh_context: fn(&Runtime) -> Context,
) -> Result<Compiled, Vec<Diagnostic>> {
    sources::clear();
    let text = sources::read(entry).map_err(|message| vec![whole_file(entry, message)])?;
    let compiled = engine::context().with(|ctx| {
        ffi::update_stack_top(&ctx);
        compile_entry(&ctx, entry, &text)
    });
    compiled.map_err(|diagnostic| vec![diagnostic])?;
    let source = sources::compiled(entry).expect("the entry was compiled");
    let known = probe::probe(&source, functions, fresh_context);
    let problems = check(&source, &known, functions);
    if !problems.is_empty() {
        return Err(problems);
    }
    let modules = sources::take_compiled().into_iter().map(|(source, code)| source::Module { file: source.file, code });
    Ok(Compiled { modules: modules.collect(), functions: known.functions.into_iter().collect(), engine: ENGINE.into() })
}

/// Compiles the entry in the first form that it fits: a classic script, one with `await` outside of functions, a module.
fn compile_entry(ctx: &Ctx<'_>, file: &str, text: &str) -> Result<(), Diagnostic> {
    let mut first = None;
    if !file.ends_with(".mjs") {
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
    match sources::compile_module(ctx, file, text) {
        Ok(_) => Ok(()),
        Err(error) => {
            let error = pending(ctx, error, file, text);
            Err(sources::take_diagnostic().unwrap_or(match first {
                // A file that neither imports nor exports is meant to be a classic script.
                Some(first) if !looks_like_module(text) => first,
                _ => error,
            }))
        }
    }
}

/// Returns what the pending exception says.
fn pending(ctx: &Ctx<'_>, error: rquickjs::Error, file: &str, text: &str) -> Diagnostic {
    if !error.is_exception() {
        Exception::throw_internal(ctx, &error.to_string());
    }
    diagnostics::of_exception(&ctx.catch(), file, text)
}

fn looks_like_module(text: &str) -> bool {
    text.lines().map(str::trim_start).any(|line| {
        ["import ", "import{", "import'", "import\"", "import*", "export ", "export{", "export*"]
            .iter()
            .any(|it| line.starts_with(it))
    })
}

/// Checks that imports can be linked and that the wanted functions can exist.
fn check(source: &Source, known: &Known, wanted: &[String]) -> Vec<Diagnostic> {
    if let Some(error) = &known.link_error {
        return vec![link_problem(source, error)];
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

/// Finds the line of an import that cannot be linked: the engine's message names the file that lacks the export.
fn link_problem(source: &Source, error: &str) -> Diagnostic {
    let specifiers = |line: &str| {
        let name = error.rsplit_once('/').map(|(_, name)| name.trim_end_matches(['\'', '"']).to_owned())?;
        (line.contains("import") || line.contains("export")).then(|| line.find(&format!("/{name}"))).flatten()
    };
    let position = position_of(&source.text, specifiers);
    Diagnostic { file: source.file.clone(), position, message: error.to_owned() }
}
