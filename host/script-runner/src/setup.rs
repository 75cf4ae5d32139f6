//! Makes the engine: the runtime with its limits, contexts, and the prelude in them.

use rquickjs::{Context, Ctx, Function, Object, Persistent, Runtime};

use crate::memory::EngineAllocator;
use crate::modules::{ScriptLoader, ScriptResolver};
use crate::{console, engine, ffi, files, kv, natives, process, rejections, state, timers, web};

/// How much of the shadow stack, which has 256 KiB, JavaScript may use. A call of a function takes 256 bytes of it, but native
/// recursion (a chain of proxies) takes much more of wasmtime's own stack of 512 KiB: at 160 KiB the chain would overflow that
/// and trap, at 96 KiB it is a RangeError that names the line.
const MAX_STACK_BYTES: usize = 96 << 10;

/// Memory that may be allocated before the next search for cycles. The default of 256 KiB would make a fresh instance search
/// while it handles its first job.
const GC_THRESHOLD_BYTES: usize = 1 << 20;

const PRELUDE: [(&str, &str); 8] = [
    ("saggar:failures", include_str!("prelude/failures.js")),
    ("saggar:platform", include_str!("prelude/platform.js")),
    ("saggar:kv", include_str!("prelude/kv.js")),
    ("saggar:files", include_str!("prelude/files.js")),
    ("saggar:clone", include_str!("prelude/clone.js")),
    ("saggar:url", include_str!("prelude/url.js")),
    ("saggar:fetch", include_str!("prelude/fetch.js")),
    ("saggar:console", include_str!("prelude/console.js")),
];

/// Makes the engine, unless it is in the snapshot.
pub(crate) fn ensure_engine() {
    if engine::exists() {
        return;
    }
    let runtime = Runtime::new_with_alloc(EngineAllocator).expect("memory for the engine");
    runtime.set_max_stack_size(MAX_STACK_BYTES);
    runtime.set_gc_threshold(GC_THRESHOLD_BYTES);
    runtime.set_loader(ScriptResolver, ScriptLoader);
    runtime.set_host_promise_rejection_tracker(Some(Box::new(rejections::track)));
    engine::set(fresh_context(&runtime));
}

/// Gives the script a new context at its next call, as in a fresh instance. Everything that belongs to the old one must have
/// been dropped.
pub(crate) fn reset() {
    let runtime = engine::context().runtime().clone();
    engine::set(fresh_context(&runtime));
    runtime.run_gc();
}

/// Makes a context with the prelude.
pub(crate) fn fresh_context(runtime: &Runtime) -> Context {
    let context = Context::full(runtime).expect("memory for the context");
    context.with(|ctx| {
        ffi::update_stack_top(&ctx);
        match install(&ctx) {
            Ok(native) => state::set_prelude(Persistent::save(&ctx, native)),
            // Only a mistake in the prelude comes here, and it shows when the snapshot is made.
            Err(error) => panic!("the prelude does not run: {error}: {:?}", ctx.catch()),
        }
    });
    context
}

fn install<'js>(ctx: &Ctx<'js>) -> rquickjs::Result<Object<'js>> {
    ffi::ensure_dom_exception(ctx)?;
    let native = Object::new_proto(ctx.clone(), None)?;
    console::install(&native)?;
    natives::install(&native)?;
    process::install(&native)?;
    kv::install(&native)?;
    files::install(&native)?;
    timers::install(&native)?;
    web::install(&native)?;
    for (file, source) in PRELUDE {
        let part: Function<'_> = ffi::eval(ctx, file, source)?.get()?;
        part.call::<_, ()>((native.clone(),))?;
    }
    Ok(native)
}
