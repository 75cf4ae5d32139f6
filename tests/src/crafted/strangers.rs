//! Well-formed components that do not fit the contract: with another version, other types, or imports that the host
//! does not have.

use anyhow::Result;

use super::encode::component_from_wit;

macro_rules! strangers {
    ($($name:ident)*) => {
        /// The component of a stranger, by its name in `foreach_stranger!`.
        pub fn stranger(name: &str) -> Result<Vec<u8>> {
            match name {
                $(stringify!($name) => component_from_wit(&$name()),)*
                other => anyhow::bail!("there is no stranger {other}"),
            }
        }
    };
}

/// Calls `$then!` with the name of every stranger.
#[macro_export]
macro_rules! foreach_stranger {
    ($then:ident) => {
        $then! {
            without_any_export
            with_process_at_world_level
            with_another_signature
            with_another_failure
            with_another_imported_signature
            with_an_unknown_interface
            with_an_unknown_function
            with_wasi_0_3
            with_imports_of_0_2
            with_an_export_of_0_2
            of_0_2
            of_0_3
        }
    };
}

foreach_stranger!(strangers);

/// The package `saggar:task` as it would be at `version`, as far as a processor needs it, and a world that uses it.
fn processor_at(version: &str) -> String {
    format!("{} world stranger {{ export processor; }}", package_at(version))
}

fn package_at(version: &str) -> String {
    format!(
        "package saggar:task@{version};
        interface types {{
            record problem {{ code: string, message: string, details: option<string> }}
            variant failure {{ retry(problem), retry-after(tuple<problem, u64>), reject(problem) }}
        }}
        interface processor {{
            use types.{{failure}};
            process: func(id: u64, args: string) -> result<string, failure>;
        }}"
    )
}

/// A valid processor that also imports `interface`, which the text of `package` declares.
fn processor_with(package: &str, interface: &str) -> String {
    format!("{} world stranger {{ import {interface}; export processor; }} {package}", package_at("0.1.0"))
}

fn without_any_export() -> String {
    "package saggar-tests:stranger; world stranger {}".into()
}

fn with_process_at_world_level() -> String {
    "package saggar-tests:stranger; world stranger { export process: func(id: u64, args: string) -> string; }".into()
}

fn with_another_signature() -> String {
    "package saggar:task@0.1.0;
    interface processor { process: func(args: string) -> string; }
    world stranger { export processor; }"
        .into()
}

/// The function has the same name and number of parameters; only a type within a type differs.
fn with_another_failure() -> String {
    processor_at("0.1.0").replace("tuple<problem, u64>", "tuple<problem, u32>")
}

fn with_another_imported_signature() -> String {
    "package saggar:task@0.1.0;
    interface log { write: func(message: string); }
    interface id-source { next: func() -> result<option<u64>, string>; }
    world stranger { import log; export id-source; }"
        .into()
}

fn with_an_unknown_interface() -> String {
    let vault = "package acme:secrets@1.0.0 { interface vault { open: func(name: string) -> string; } }";
    processor_with(vault, "acme:secrets/vault@1.0.0")
}

fn with_an_unknown_function() -> String {
    let extended = package_at("0.1.0") + "interface context { id: func() -> u64; tenant-secret: func() -> string; }";
    extended + "world stranger { import context; export processor; }"
}

fn with_wasi_0_3() -> String {
    let clocks = "package wasi:clocks@0.3.0 { interface monotonic-clock { now: func() -> u64; } }";
    processor_with(clocks, "wasi:clocks/monotonic-clock@0.3.0")
}

fn with_imports_of_0_2() -> String {
    "package saggar-tests:stranger;
    world stranger { import saggar:task/progress@0.2.0; }
    package saggar:task@0.2.0 { interface progress { report: func(percent: u8); } }"
        .into()
}

fn with_an_export_of_0_2() -> String {
    "package saggar:task@0.2.0;
    interface processor { process: func(id: u64, args: string) -> string; }
    world stranger { export processor; }"
        .into()
}

/// Like a real guest of another version: its imports reveal it first.
fn of_0_2() -> String {
    processor_at("0.2.0")
}

fn of_0_3() -> String {
    processor_at("0.3.0")
}
