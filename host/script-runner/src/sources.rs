//! The files of a script while it is compiled: their texts, their code, and the first error in them.

use std::cell::RefCell;

use rquickjs::{Ctx, Exception, Module, Result};

use crate::bindings::exports::saggar::script::compiler::Diagnostic;
use crate::bindings::saggar::script::source;
use crate::bytecode::{self, Form};
use crate::{diagnostics, specifier};

/// Files of one script.
const MAX_FILES: usize = 256;

/// Files that import each other in a row: each takes 2 KiB of the stack while it is compiled.
const MAX_IMPORT_DEPTH: usize = 32;

/// A file that compiles.
#[derive(Debug, Clone)]
pub(crate) struct Source {
    pub(crate) file: String,
    pub(crate) text: String,
    pub(crate) form: Form,
}

/// What a compilation has found so far.
#[derive(Debug, Default)]
struct Progress {
    /// Files with their code, in the order in which they compiled.
    compiled: Vec<(Source, Vec<u8>)>,
    /// Files whose imports are being compiled, with their texts.
    open: Vec<(String, String)>,
    /// The first error in a file that was imported.
    diagnostic: Option<Diagnostic>,
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

/// Takes the files and their code, importers before what they import.
pub(crate) fn take_compiled() -> Vec<(Source, Vec<u8>)> {
    let mut compiled = PROGRESS.take().compiled;
    compiled.reverse();
    compiled
}

/// Takes the first error in a file that was imported.
pub(crate) fn take_diagnostic() -> Option<Diagnostic> {
    PROGRESS.with_borrow_mut(|progress| progress.diagnostic.take())
}

/// Reads a file through the host.
pub(crate) fn read(file: &str) -> std::result::Result<String, String> {
    specifier::check(file)?;
    let text = source::text(file)?;
    if let Some(line) = text.lines().position(|line| line.contains('\0')) {
        return Err(format!("line {} has a NUL character", line + 1));
    }
    Ok(text)
}

/// Compiles a module, and through the loader what it imports.
pub(crate) fn compile_module<'js>(ctx: &Ctx<'js>, file: &str, text: &str) -> Result<Module<'js>> {
    PROGRESS.with_borrow_mut(|progress| progress.open.push((file.into(), text.into())));
    let module = Module::declare(ctx.clone(), file, text);
    PROGRESS.with_borrow_mut(|progress| progress.open.pop());
    let module = module?;
    let code = bytecode::write_module(&module)?;
    keep(Source { file: file.into(), text: text.into(), form: Form::Module }, code);
    Ok(module)
}

/// Keeps a file that compiled.
pub(crate) fn keep(source: Source, code: Vec<u8>) {
    PROGRESS.with_borrow_mut(|progress| progress.compiled.push((source, code)));
}

/// Compiles a file that another one imports.
pub(crate) fn import<'js>(ctx: &Ctx<'js>, file: &str) -> Result<Module<'js>> {
    let (files, depth) =
        PROGRESS.with_borrow(|progress| (progress.compiled.len() + progress.open.len(), progress.open.len()));
    let text = if files >= MAX_FILES {
        Err(format!("a script has at most {MAX_FILES} files"))
    } else if depth >= MAX_IMPORT_DEPTH {
        Err(format!("at most {MAX_IMPORT_DEPTH} files import each other in a row"))
    } else {
        read(file)
    };
    let text = match text {
        Ok(text) => text,
        Err(message) => {
            note(diagnostics::whole_file(file, message.clone()));
            return Err(Exception::throw_type(ctx, &message));
        }
    };
    compile_module(ctx, file, &text).inspect_err(|error| {
        if error.is_exception() && PROGRESS.with_borrow(|progress| progress.diagnostic.is_none()) {
            let value = ctx.catch();
            note(diagnostics::of_exception(&value, file, &text));
            ctx.throw(value);
        }
    })
}

/// Remembers why a specifier cannot be imported, with its place in the importer.
pub(crate) fn note_import(importer: &str, specifier: &str, why: &str) {
    let place = PROGRESS.with_borrow(|progress| {
        let (_, text) = progress.open.iter().rev().find(|(file, _)| file == importer)?;
        Some(diagnostics::position_of(text, |line| diagnostics::quoted(line, specifier)))
    });
    if let Some(position) = place {
        note(Diagnostic { file: importer.into(), position, message: why.into() });
    }
}

/// The first error is the cause of the others.
fn note(diagnostic: Diagnostic) {
    PROGRESS.with_borrow_mut(|progress| {
        progress.diagnostic.get_or_insert(diagnostic);
    });
}
