//! The contract's imports and types, generated from `wit/` by wasmtime's `bindgen!`.
//!
//! `wit/` documents them. [`crate::instance`] binds exports by hand, because a plugin exports any subset of the roles.

mod generated {
    wasmtime::component::bindgen!({
        path: "../../../wit",
        world: "imports",
        imports: {
            "saggar:task/http": async | trappable,
            "saggar:task/kv": async | trappable,
            "saggar:task/tasks": async | trappable,
            default: trappable,
        },
        additional_derives: [Clone],
    });
}

pub(crate) use generated::saggar::task::{context, http, kv, log, progress, tasks, types};
