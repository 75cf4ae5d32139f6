//! The files of a script while it is compiled: their texts, their code, and the errors in them.
//!
//! A file that cannot be compiled, or an import that does not work, does not end the compilation: an empty module takes its
//! place, so that the errors of all files are found at once. Nothing that was compiled is used then.

use std::cell::RefCell;
use std::collections::BTreeSet;

use rquickjs::{Ctx, Module, Result};

use crate::bindings::saggar::script::source::{self, Diagnostic};
use crate::bytecode::{self, Form};
use crate::diagnostics::{self, position_of, quoted, whole_file};
use crate::specifier;

/// Files of one script.
const MAX_FILES: usize = 256;

/// Files that import each other in a row: each takes 2 KiB of the stack while it is compiled.
const MAX_IMPORT_DEPTH: usize = 32;

/// Errors of one script. The host shows 20.
const MAX_DIAGNOSTICS: usize = 50;

/// Parts of a broken file that are tried, to find its imports.
const MAX_PARTS: usize = 5;

/// What an import that names no file is resolved to: no script has this name.
pub(crate) const UNRESOLVED: &str = "saggar:unresolved";

/// A file that compiles.
#[derive(Debug, Clone)]
pub(crate) struct Source {
    pub(crate) file: String,
    pub(crate) text: String,
    pub(crate) form: Form,
}

/// What a file imports: its name, and as it is written.
#[derive(Debug, Clone)]
struct Import {
    importer: String,
    specifier: String,
}

/// What a compilation has found so far.
#[derive(Debug, Default)]
struct Progress {
    /// Files with their code, in the order in which they compiled.
    compiled: Vec<(Source, Vec<u8>)>,
    /// Files whose imports are being compiled, with their texts.
    open: Vec<(String, String)>,
    /// The import that the engine follows.
    import: Option<Import>,
    /// Why files cannot be imported, by file. Every import of such a file is an error.
    unreadable: Vec<(String, String)>,
    diagnostics: Vec<Diagnostic>,
}

thread_local! {
    static PROGRESS: RefCell<Progress> = RefCell::default();
}

/// Forgets what an earlier compilation found.
pub(crate) fn clear() {
    PROGRESS.take();
}

/// Returns a file that was compiled.
pub(crate) fn compiled(file: &str) -> Option<Source> {
    PROGRESS.with_borrow(|progress| {
        progress.compiled.iter().find(|(source, _)| source.file == file).map(|(source, _)| source.clone())
    })
}

/// Returns all files that were compiled, importers after what they import.
pub(crate) fn all_compiled() -> Vec<Source> {
    PROGRESS.with_borrow(|progress| progress.compiled.iter().map(|(source, _)| source.clone()).collect())
}

/// Takes the files and their code, importers before what they import.
pub(crate) fn take_compiled() -> Vec<(Source, Vec<u8>)> {
    let mut compiled = PROGRESS.take().compiled;
    compiled.reverse();
    compiled
}

/// Takes the errors that were found, each once.
pub(crate) fn take_diagnostics() -> Vec<Diagnostic> {
    let diagnostics = PROGRESS.with_borrow_mut(|progress| std::mem::take(&mut progress.diagnostics));
    let place = |it: &Diagnostic| it.position.as_ref().map(|position| (position.line, position.column));
    let mut seen = BTreeSet::new();
    diagnostics.into_iter().filter(|it| seen.insert((it.file.clone(), place(it), it.message.clone()))).collect()
}

/// Reads a file through the host.
pub(crate) fn read(file: &str) -> std::result::Result<String, Vec<Diagnostic>> {
    specifier::check(file).map_err(|message| vec![whole_file(file, message)])?;
    let mut text = source::text(file);
    if let Ok(text) = &text
        && let Some(line) = text.lines().position(|line| line.contains('\0'))
    {
        return Err(vec![whole_file(file, format!("line {} has a NUL character", line + 1))]);
    }
    if let Err(diagnostics) = &mut text {
        diagnostics.iter_mut().for_each(diagnostics::quote_line);
    }
    text
}

/// Compiles a module, and through the loader what it imports. Fails only if its own text is wrong.
pub(crate) fn compile_module<'js>(ctx: &Ctx<'js>, file: &str, text: &str) -> Result<Module<'js>> {
    let module = declare(ctx, file, text, text)?;
    let code = bytecode::write_module(&module)?;
    keep(Source { file: file.into(), text: text.into(), form: Form::Module }, code);
    Ok(module)
}

/// Declares a part of a file as a module.
fn declare<'js>(ctx: &Ctx<'js>, file: &str, text: &str, part: &str) -> Result<Module<'js>> {
    PROGRESS.with_borrow_mut(|progress| progress.open.push((file.into(), text.into())));
    let module = Module::declare(ctx.clone(), file, part);
    PROGRESS.with_borrow_mut(|progress| progress.open.pop());
    module
}

/// Keeps a file that compiled.
pub(crate) fn keep(source: Source, code: Vec<u8>) {
    PROGRESS.with_borrow_mut(|progress| progress.compiled.push((source, code)));
}

/// Remembers which import the engine follows.
pub(crate) fn begin_import(importer: &str, specifier: &str, file: &str) {
    let import = Import { importer: importer.into(), specifier: specifier.into() };
    let known = PROGRESS.with_borrow_mut(|progress| {
        progress.import = Some(import);
        progress.unreadable.iter().find(|(it, _)| it == file).map(|(_, why)| why.clone())
    });
    // The engine asks for a file only at its first import.
    if let Some(why) = known {
        note_import(importer, specifier, &why);
    }
}

/// Compiles a file that another one imports.
pub(crate) fn import<'js>(ctx: &Ctx<'js>, file: &str) -> Result<Module<'js>> {
    if file == UNRESOLVED {
        return Module::declare(ctx.clone(), file, "");
    }
    let (files, depth) =
        PROGRESS.with_borrow(|progress| (progress.compiled.len() + progress.open.len(), progress.open.len()));
    let text = if files >= MAX_FILES {
        Err(vec![whole_file(file, format!("a script has at most {MAX_FILES} files"))])
    } else if depth >= MAX_IMPORT_DEPTH {
        Err(vec![whole_file(file, format!("at most {MAX_IMPORT_DEPTH} files import each other in a row"))])
    } else {
        read(file)
    };
    let text = match text {
        Ok(text) => text,
        Err(diagnostics) => {
            note_unreadable(file, diagnostics);
            return Module::declare(ctx.clone(), file, "");
        }
    };
    compile_module(ctx, file, &text).or_else(|error| {
        let diagnostic = diagnostics::pending(ctx, error, file, &text);
        let line = diagnostic.position.as_ref().map(|position| position.line);
        note(diagnostic);
        match follow_imports(ctx, file, &text, line) {
            Some(module) => Ok(module),
            None => Module::declare(ctx.clone(), file, ""),
        }
    })
}

/// Compiles what a broken file imports above its first error. Returns the module of that part.
pub(crate) fn follow_imports<'js>(ctx: &Ctx<'js>, file: &str, text: &str, line: Option<u32>) -> Option<Module<'js>> {
    let above = line.map_or(usize::MAX, |line| line.saturating_sub(1) as usize);
    let ends_import = |line: &str| {
        let line = line.trim_end().trim_end_matches(';');
        line.ends_with(['\'', '"']) && (line.contains("import") || line.contains("from"))
    };
    let mut ends = Vec::new();
    let mut end = 0;
    for line in text.split_inclusive('\n').take(above) {
        end += line.len();
        if ends_import(line) {
            ends.push(end);
        }
    }
    // A part that ends in a comment or in a longer statement does not compile; then a shorter one may.
    ends.into_iter()
        .rev()
        .take(MAX_PARTS)
        .find_map(|end| declare(ctx, file, text, &text[..end]).map_err(|_| ctx.catch()).ok())
}

/// Remembers why a specifier cannot be imported, with its place in the importer.
pub(crate) fn note_import(importer: &str, specifier: &str, why: &str) {
    let place = PROGRESS.with_borrow(|progress| {
        let (_, text) = progress.open.iter().rev().find(|(file, _)| file == importer)?;
        Some(position_of(text, |line| quoted(line, specifier)))
    });
    if let Some(position) = place {
        note(Diagnostic { file: importer.into(), position, message: why.into() });
    }
}

/// Remembers why a file has no text: where in the file, else where it is imported.
fn note_unreadable(file: &str, diagnostics: Vec<Diagnostic>) {
    let import = PROGRESS.with_borrow(|progress| progress.import.clone());
    for diagnostic in diagnostics {
        match (&import, &diagnostic.position) {
            (Some(Import { importer, specifier }), None) => {
                let why = diagnostic.message;
                PROGRESS.with_borrow_mut(|progress| progress.unreadable.push((file.into(), why.clone())));
                note_import(importer, specifier, &why);
            }
            _ => note(diagnostic),
        }
    }
}

fn note(diagnostic: Diagnostic) {
    PROGRESS.with_borrow_mut(|progress| {
        if progress.diagnostics.len() < MAX_DIAGNOSTICS {
            progress.diagnostics.push(diagnostic);
        }
    });
}
