//! How functions of Rust become functions that the prelude can call.

use rquickjs::function::Rest;
use rquickjs::{Ctx, Function, Object, Result, Value};

/// A function for the prelude.
pub(crate) type HostFunction = for<'js> fn(&Ctx<'js>, &[Value<'js>]) -> Result<Value<'js>>;

/// Adds a function to the object that the prelude's files are called with.
pub(crate) fn define<'js>(native: &Object<'js>, name: &str, function: HostFunction) -> Result<()> {
    let call = move |ctx: Ctx<'js>, Rest(arguments): Rest<Value<'js>>| function(&ctx, &arguments);
    native.set(name, Function::new(native.ctx().clone(), call)?.with_name(name)?)
}

/// Returns an argument, `undefined` if it was not given.
pub(crate) fn argument<'js>(ctx: &Ctx<'js>, arguments: &[Value<'js>], index: usize) -> Value<'js> {
    arguments.get(index).cloned().unwrap_or_else(|| Value::new_undefined(ctx.clone()))
}
