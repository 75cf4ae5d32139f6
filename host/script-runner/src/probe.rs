//! Finds out which functions a script has, without running it.
//!
//! The script is evaluated in a context of its own with a `throw` before its first statement: declarations of functions exist by
//! then, `let`, `const` and `class` are known but cannot be read yet, and imports are linked. Nothing of the script has run.

use std::collections::BTreeSet;

use rquickjs::{Context, Ctx, Exception, Module, Result, Runtime, Value};

use crate::bytecode::Form;
use crate::names::{functions, is_identifier};
use crate::sources::{self, Source};
use crate::state::{self, Phase};
use crate::{engine, ffi, properties};

/// What is thrown before the first statement.
const MARKER: &str = "saggar: nothing of the script runs while it is probed";

/// What is known of a script's functions.
#[derive(Debug, Default)]
pub(crate) struct Known {
    /// Functions that exist.
    pub(crate) functions: BTreeSet<String>,
    /// Names that are something, perhaps functions.
    pub(crate) others: BTreeSet<String>,
    /// The error that linking the imports ends with.
    pub(crate) link_error: Option<String>,
}

/// Returns what is known of the functions of a script that compiles; `fresh_context` makes a context with the prelude.
pub(crate) fn probe(source: &Source, wanted: &[String], fresh_context: fn(&Runtime) -> Context) -> Known {
    let context = fresh_context(engine::context().runtime());
    state::set_phase(Phase::Probing);
    let known = context.with(|ctx| match source.form {
        Form::Module => probe_module(&ctx, source),
        Form::Script | Form::AsyncScript => probe_script(&ctx, source, wanted),
    });
    state::set_phase(Phase::Compiling);
    known
}

fn probe_script<'js>(ctx: &Ctx<'js>, source: &Source, wanted: &[String]) -> Known {
    let before: BTreeSet<String> = ffi::own_names(&ctx.globals()).unwrap_or_default().into_iter().collect();
    let value = |name: &String| Some((name.clone(), ctx.globals().get::<_, Value<'js>>(name.as_str()).ok()?));
    let builtins: Vec<(String, Value<'js>)> = before.iter().filter_map(value).collect();
    let mut known = Known::default();
    if let Err(error) = ffi::eval_with(ctx, &source.file, &marked(source), source.form.flags()) {
        // Either the marker, or a conflict with a global that only running the script would show.
        drop(error);
        ctx.catch();
    }
    let is_builtin =
        |name: &str, value: &Value<'js>| builtins.iter().any(|(it, builtin)| it == name && builtin == value);
    known.functions = functions(&ctx.globals(), is_builtin).into_iter().collect();
    let declared = ffi::own_names(&ctx.globals()).unwrap_or_default();
    known.others.extend(declared.into_iter().filter(|name| !before.contains(name)));
    for name in wanted.iter().filter(|name| is_identifier(name)) {
        // A name that cannot be read yet throws; one that nothing declares is `undefined`.
        if ffi::eval(ctx, "saggar:probe", &format!("typeof {name}")).is_err() {
            ctx.catch();
            known.others.insert(name.clone());
        }
    }
    known
}

fn probe_module(ctx: &Ctx<'_>, source: &Source) -> Known {
    let mut known = Known::default();
    let module = match Module::declare(ctx.clone(), source.file.as_str(), marked(source)) {
        Ok(module) => module,
        Err(_) => {
            ctx.catch();
            return known;
        }
    };
    let (module, promise) = match module.eval() {
        Ok(evaluated) => evaluated,
        Err(_) => {
            known.link_error = Some(error_text(&ctx.catch()));
            return known;
        }
    };
    ffi::mark_handled(promise.as_value());
    if let Some(Err(_)) = promise.result::<Value<'_>>() {
        let error = ctx.catch();
        if ffi::text(&error).ok().as_deref() != Some(MARKER) {
            known.link_error = Some(error_text(&error));
        }
    }
    if let Ok(namespace) = module.namespace() {
        known.functions = functions(&namespace, |_, _| false).into_iter().collect();
        known.others = ffi::own_names(&namespace).unwrap_or_default().into_iter().collect();
    }
    known
}

/// Declares an imported file for the probe.
pub(crate) fn import<'js>(ctx: &Ctx<'js>, file: &str) -> Result<Module<'js>> {
    match sources::compiled(file) {
        Some(source) => Module::declare(ctx.clone(), file, marked(&source)),
        None => Err(Exception::throw_type(ctx, &format!("`{file}` was not compiled"))),
    }
}

/// Puts the `throw` into the first line, so that lines keep their numbers. A first line of `#!` becomes a comment.
fn marked(source: &Source) -> String {
    let text = source.text.trim_start_matches('\u{FEFF}');
    match text.strip_prefix("#!") {
        Some(rest) => format!("throw '{MARKER}';//{rest}"),
        None => format!("throw '{MARKER}';{text}"),
    }
}

fn error_text(error: &Value<'_>) -> String {
    match error.as_object() {
        Some(error) => properties::summary(error),
        None => ffi::text(error).unwrap_or_default(),
    }
}
