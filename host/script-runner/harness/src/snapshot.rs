//! Calls `prepare` and writes the component's memory back into it.

use std::future::Future;
use std::pin::pin;
use std::task::{Poll, Waker};

use wasmtime::component::{Component, Instance, Lift, Linker, Val, WasmList};
use wasmtime::error::Context as _;
use wasmtime::{Config, Engine, Store};
use wasmtime::{Result, bail};
use wasmtime_wizer::{ComponentInstanceState, Wizer};

/// Makes the snapshot. Fails if `prepare` calls anything of the host but for a seed and the time.
pub(crate) fn make(component: &[u8]) -> Result<Vec<u8>> {
    let mut wizer = Wizer::new();
    // Without the function, the component would not be valid: its world exports it.
    wizer.init_func("prepare").keep_init_func(true);
    let (context, instrumented) = wizer.instrument_component(component)?;
    let engine = Engine::new(&Config::new())?;
    let instrumented = Component::new(&engine, instrumented).context("the instrumented component")?;
    let linker = link(&engine, &instrumented)?;
    let mut store = Store::new(&engine, ());
    let instance = linker.instantiate(&mut store, &instrumented)?;
    let prepare = instance.get_typed_func::<(), ()>(&mut store, "prepare")?;
    prepare.call(&mut store, ()).context("`prepare` must not call the host, and must not fail")?;
    let mut state = State { store, instance };
    ready(wizer.snapshot_component(&context, &mut state))?
}

/// Links traps, but for the seed of rquickjs's table of classes, which scripts cannot reach, and the clock that the engine seeds
/// its own `Math.random` with, which the prelude replaces. Both are 0, so the snapshot does not depend on when it is made.
fn link(engine: &Engine, component: &Component) -> Result<Linker<()>> {
    let mut linker = Linker::<()>::new(engine);
    linker.define_unknown_imports_as_traps(component)?;
    linker.allow_shadowing(true);
    for (name, _) in component.component_type().imports(engine) {
        if name.starts_with("wasi:random/insecure-seed@") {
            linker.instance(name)?.func_wrap("insecure-seed", |_, ()| Ok(((0_u64, 0_u64),)))?;
        } else if name.starts_with("wasi:clocks/monotonic-clock@") {
            linker.instance(name)?.func_wrap("now", |_, ()| Ok((0_u64,)))?;
        } else if name.starts_with("wasi:clocks/wall-clock@") {
            linker.instance(name)?.func_new("now", |_, _, _, results| {
                let time = [("seconds", Val::U64(0)), ("nanoseconds", Val::U32(0))];
                results[0] = Val::Record(time.into_iter().map(|(name, value)| (name.to_owned(), value)).collect());
                Ok(())
            })?;
        }
    }
    Ok(linker)
}

/// What wizer reads the memory and the globals through: functions that it put into the component.
struct State {
    store: Store<()>,
    instance: Instance,
}

impl State {
    /// Calls a function without parameters and passes on what it returns.
    fn call<R: Lift + 'static, T>(
        &mut self,
        instance: &str,
        function: &str,
        read: impl FnOnce(&Store<()>, R) -> T,
    ) -> T {
        // wizer has no way to be told of an error, and there is none unless wizer itself is wrong.
        let (_, at) = self.instance.get_export(&mut self.store, None, instance).expect("wizer's own instance");
        let (_, at) = self.instance.get_export(&mut self.store, Some(&at), function).expect("wizer's own function");
        let function =
            self.instance.get_typed_func::<(), (R,)>(&mut self.store, at).expect("the type that wizer gave it");
        let (result,) = function.call(&mut self.store, ()).expect("it only reads");
        read(&self.store, result)
    }
}

impl ComponentInstanceState for State {
    async fn call_func_ret_list_u8(&mut self, instance: &str, func: &str, contents: impl FnOnce(&[u8]) + Send) {
        self.call(instance, func, |store, list: WasmList<u8>| contents(list.as_le_slice(store)));
    }

    async fn call_func_ret_s32(&mut self, instance: &str, func: &str) -> i32 {
        self.call(instance, func, |_, value| value)
    }

    async fn call_func_ret_s64(&mut self, instance: &str, func: &str) -> i64 {
        self.call(instance, func, |_, value| value)
    }

    async fn call_func_ret_f32(&mut self, instance: &str, func: &str) -> u32 {
        self.call(instance, func, |_, value: f32| value.to_bits())
    }

    async fn call_func_ret_f64(&mut self, instance: &str, func: &str) -> u64 {
        self.call(instance, func, |_, value: f64| value.to_bits())
    }
}

/// Returns the value of a future that never waits.
fn ready<T>(future: impl Future<Output = T>) -> Result<T> {
    match pin!(future).poll(&mut std::task::Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => Ok(value),
        Poll::Pending => bail!("wizer waits, although nothing here does"),
    }
}
