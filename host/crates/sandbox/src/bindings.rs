//! The contract's imports and types as wasmtime's `bindgen!` makes them from `wit/`.
//!
//! The documentation stands in `wit/`. Exports are bound by hand in [`crate::instance`], since a plugin exports any subset of the roles.

mod generated {
    wasmtime::component::bindgen!({
        path: "../../../wit",
        world: "imports",
        imports: {
            "saggar:task/tasks": async | trappable,
            default: trappable,
        },
        additional_derives: [Clone],
    });
}

pub(crate) use generated::saggar::task::{context, log, progress, tasks, types};
