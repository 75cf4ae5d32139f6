//! The script of this instance: runs its top level once, in the first call, and finds its functions.

use std::cell::{Cell, RefCell};

use rquickjs::{Ctx, Function, Object, Persistent, Value};

use crate::bindings::saggar::script::source::{self, Module};
use crate::bindings::saggar::task::context;
use crate::bytecode::{self, Form};
use crate::problem::Thrown;
use crate::settle::{Stop, settle};
use crate::{engine, ffi, names, state};

/// Where the functions of a script that ran are.
#[derive(Clone)]
enum Loaded {
    /// In the global scope.
    Globals,
    /// In the module's namespace.
    Namespace(Persistent<Object<'static>>),
}

thread_local! {
    /// The compiled files; from the host at the first call.
    static MODULES: RefCell<Option<Vec<Module>>> = const { RefCell::new(None) };
    static LOADED: RefCell<Option<Loaded>> = const { RefCell::new(None) };
    /// The functions that were called, by name.
    static FUNCTIONS: RefCell<Vec<(String, Persistent<Function<'static>>)>> = const { RefCell::new(Vec::new()) };
    /// Whether the top level ran to its end, if it was started.
    static IS_FIT: Cell<bool> = const { Cell::new(true) };
}

/// Returns the function that the task's reference names.
pub(crate) fn function<'js>(ctx: &Ctx<'js>) -> Result<Function<'js>, Stop> {
    let Some(name) = context::handler() else {
        return Err(unknown("the reference names no function; write `scripts.<path>.<function>`"));
    };
    let known =
        FUNCTIONS.with_borrow(|functions| functions.iter().find(|(it, _)| *it == name).map(|(_, it)| it.clone()));
    if let Some(function) = known {
        return Ok(function.restore(ctx)?);
    }
    let loaded = load(ctx)?;
    let found = match &loaded {
        Loaded::Namespace(namespace) => exported(&namespace.clone().restore(ctx)?, &name),
        Loaded::Globals => global(ctx, &name),
    };
    match found.and_then(Value::into_function) {
        Some(function) => {
            FUNCTIONS.with_borrow_mut(|functions| functions.push((name, Persistent::save(ctx, function.clone()))));
            Ok(function)
        }
        None => Err(missing(ctx, &loaded, &name)),
    }
}

/// Forgets the engine's values, before the context goes. The compiled code stays.
pub(crate) fn unload() {
    LOADED.take();
    FUNCTIONS.take();
    IS_FIT.set(true);
}

/// Whether the context can serve another call: the top level did not fail in it.
pub(crate) fn is_fit() -> bool {
    IS_FIT.get()
}

/// Returns the code of an imported file.
pub(crate) fn imported(file: &str) -> Option<Vec<u8>> {
    MODULES.with_borrow(|modules| {
        let module = modules.as_ref()?.iter().find(|module| module.file == file)?;
        let (form, code) = bytecode::open(&module.code)?;
        (form == Form::Module).then(|| code.to_vec())
    })
}

/// Runs the top level, unless it ran already.
fn load(ctx: &Ctx<'_>) -> Result<Loaded, Stop> {
    if let Some(loaded) = LOADED.with_borrow(Clone::clone) {
        return Ok(loaded);
    }
    IS_FIT.set(false);
    MODULES.with_borrow_mut(|modules| {
        modules.get_or_insert_with(source::modules);
    });
    let (form, code) = entry()?;
    state::set_at_top_level(true);
    let loaded = run_top_level(ctx, form, &code);
    state::set_at_top_level(false);
    let loaded = loaded?;
    LOADED.set(Some(loaded.clone()));
    IS_FIT.set(true);
    Ok(loaded)
}

fn run_top_level(ctx: &Ctx<'_>, form: Form, code: &[u8]) -> Result<Loaded, Stop> {
    Ok(if form == Form::Module {
        let (namespace, promise) = bytecode::run_module(ctx, code)?;
        settle(ctx, promise)?;
        Loaded::Namespace(Persistent::save(ctx, namespace))
    } else {
        let result = bytecode::run_script(ctx, code)?;
        if form == Form::AsyncScript {
            settle(ctx, result)?;
        }
        Loaded::Globals
    })
}

/// Returns the entry's code. Copied, because the top level may call the loader.
fn entry() -> Result<(Form, Vec<u8>), Stop> {
    MODULES.with_borrow(|modules| {
        let Some(module) = modules.as_deref().and_then(<[Module]>::first) else {
            return Err(Thrown::reject("no-script", "the host gave this instance no script").into());
        };
        match bytecode::open(&module.code) {
            Some((form, code)) => Ok((form, code.to_vec())),
            None => {
                let message = format!("the compiled code of `{}` is damaged; load the app again", module.file);
                Err(Thrown::reject("invalid-bytecode", message).into())
            }
        }
    })
}

fn exported<'js>(namespace: &Object<'js>, name: &str) -> Option<Value<'js>> {
    namespace.get(name).map_err(|_| namespace.ctx().catch()).ok()
}

/// Returns what a name means in the global scope of the script: `const` and `class` are no properties of the global object.
fn global<'js>(ctx: &Ctx<'js>, name: &str) -> Option<Value<'js>> {
    if !names::is_identifier(name) {
        return None;
    }
    let value = ffi::eval(ctx, "saggar:lookup", name).map_err(|_| ctx.catch()).ok()?;
    // What the global object inherits, such as `toString`, is not the script's either.
    let globals = ctx.globals();
    let is_own = ffi::own_property(&globals, name).map_err(|_| ctx.catch()).is_ok_and(|own| own.is_some());
    let is_inherited =
        !is_own && globals.get::<_, Value<'js>>(name).map_err(|_| ctx.catch()).is_ok_and(|it| it == value);
    (!is_inherited && !engine::is_builtin(ctx, name, &value)).then_some(value)
}

fn missing(ctx: &Ctx<'_>, loaded: &Loaded, name: &str) -> Stop {
    let (functions, what) = match loaded {
        Loaded::Namespace(namespace) => {
            let namespace = namespace.clone().restore(ctx);
            (namespace.map(|it| names::functions(&it, |_, _| false)).unwrap_or_default(), "exported function")
        }
        Loaded::Globals => {
            (names::functions(&ctx.globals(), |name, value| engine::is_builtin(ctx, name, value)), "function")
        }
    };
    let file = MODULES.with_borrow(|modules| {
        modules.as_deref().and_then(<[Module]>::first).map(|module| module.file.clone()).unwrap_or_default()
    });
    unknown(format!("`{file}` has no {what} `{name}`{}", names::alternatives(name, &functions)))
}

fn unknown(message: impl Into<String>) -> Stop {
    Thrown::reject("unknown-function", message).into()
}
