//! The context that scripts run in, and what it had before the script ran.

use std::cell::RefCell;

use rquickjs::function::Args;
use rquickjs::{Context, Ctx, Function, Object, Persistent, Result, Value};

use crate::ffi;

struct Engine {
    context: Context,
    /// The globals that every script finds, by name.
    builtins: Persistent<Object<'static>>,
    /// Prototypes of what JSON is made of, with their names.
    prototypes: Vec<(&'static str, Persistent<Object<'static>>)>,
}

thread_local! {
    static ENGINE: RefCell<Option<Engine>> = const { RefCell::new(None) };
}

/// Whether there is an engine.
pub(crate) fn exists() -> bool {
    ENGINE.with_borrow(Option::is_some)
}

/// Returns the context of the script.
pub(crate) fn context() -> Context {
    ENGINE
        .with_borrow(|engine| engine.as_ref().map(|engine| engine.context.clone()))
        .expect("the engine was made first")
}

/// Makes this the context of the script.
pub(crate) fn set(context: Context) {
    let (builtins, prototypes) = context.with(|ctx| {
        let globals = globals(&ctx).expect("memory for the globals");
        let prototype = |name: &&'static str| {
            let prototype =
                globals.get::<_, Object<'_>>(*name).and_then(|class| class.get::<_, Object<'_>>("prototype"));
            (*name, Persistent::save(&ctx, prototype.expect("a class of the language")))
        };
        let prototypes = ["Object", "Array", "String", "Number", "Boolean"].iter().map(prototype).collect();
        (Persistent::save(&ctx, globals), prototypes)
    });
    ENGINE.replace(Some(Engine { context, builtins, prototypes }));
}

/// Calls a function of the script.
pub(crate) fn apply<'js>(ctx: &Ctx<'js>, function: &Function<'js>, values: Vec<Value<'js>>) -> Result<Value<'js>> {
    let mut args = Args::new(ctx.clone(), values.len());
    args.push_args(values)?;
    function.call_arg(args)
}

/// Returns the global object's own properties.
fn globals<'js>(ctx: &Ctx<'js>) -> Result<Object<'js>> {
    let copy = Object::new_proto(ctx.clone(), None)?;
    for name in ffi::own_names(&ctx.globals())? {
        if let Some(ffi::Property::Value(value)) = ffi::own_property(&ctx.globals(), &name)? {
            copy.set(name, value)?;
        }
    }
    Ok(copy)
}

/// Whether `value` is what every script finds under this global name.
pub(crate) fn is_builtin<'js>(ctx: &Ctx<'js>, name: &str, value: &Value<'js>) -> bool {
    let builtins = ENGINE.with_borrow(|engine| engine.as_ref().map(|engine| engine.builtins.clone()));
    let Some(builtins) = builtins.and_then(|builtins| builtins.restore(ctx).ok()) else { return false };
    builtins.get::<_, Value<'js>>(name).is_ok_and(|builtin| !builtin.is_undefined() && builtin == *value)
}

/// Returns which property the script gave to all objects that would change what the next job's calls mean: `toJSON` changes every
/// argument and response, `then` makes every object a promise.
///
/// `BigInt.prototype.toJSON` is allowed: it is how scripts write integers as JSON, and changes nothing else.
pub(crate) fn pollution(ctx: &Ctx<'_>) -> Option<String> {
    let prototypes = ENGINE.with_borrow(|engine| engine.as_ref().map(|engine| engine.prototypes.clone()))?;
    let has = |prototype: &Object<'_>, name: &str| match ffi::own_property(prototype, name) {
        Ok(found) => found.is_some(),
        Err(_) => {
            ctx.catch();
            true
        }
    };
    prototypes.into_iter().find_map(|(class, prototype)| {
        let prototype = prototype.restore(ctx).ok()?;
        let name = if has(&prototype, "toJSON") {
            "toJSON"
        } else if class == "Object" && has(&prototype, "then") {
            "then"
        } else {
            return None;
        };
        Some(format!("{class}.prototype.{name}"))
    })
}
