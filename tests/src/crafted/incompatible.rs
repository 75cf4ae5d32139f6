//! Well-formed components that are incompatible with the contract: of another version, with other types, or with
//! imports that the host does not provide.

use anyhow::Result;

use super::encode::component_from_wit;

macro_rules! incompatible {
    ($($name:ident)*) => {
        /// Returns an incompatible component, by its name in `foreach_incompatible!`.
        pub fn incompatible(name: &str) -> Result<Vec<u8>> {
            match name {
                $(stringify!($name) => component_from_wit(&$name()),)*
                other => anyhow::bail!("there is no incompatible component {other}"),
            }
        }
    };
}

/// Calls `$then!` with the name of every incompatible component.
#[macro_export]
macro_rules! foreach_incompatible {
    ($then:ident) => {
        $then! {
            without_any_export
            with_process_at_world_level
            with_another_signature
            with_another_failure
            with_another_imported_signature
            with_an_unknown_interface
            with_the_source_of_scripts
            with_an_unknown_function
            with_wasi_0_3
            with_imports_of_0_2
            with_an_export_of_0_2
            of_0_2
            of_0_3
        }
    };
}

foreach_incompatible!(incompatible);

/// Returns the part of the package `saggar:task` that a processor needs, at `version`, and a world that uses it.
fn processor_at(version: &str) -> String {
    format!("{} world incompatible {{ export processor; }}", package_at(version))
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

/// Returns a valid processor that also imports `interface`, which the text of `package` declares.
fn processor_with(package: &str, interface: &str) -> String {
    format!("{} world incompatible {{ import {interface}; export processor; }} {package}", package_at("0.1.0"))
}

fn without_any_export() -> String {
    "package saggar-tests:incompatible; world incompatible {}".into()
}

fn with_process_at_world_level() -> String {
    "package saggar-tests:incompatible; world incompatible { export process: func(id: u64, args: string) -> string; }"
        .into()
}

fn with_another_signature() -> String {
    "package saggar:task@0.1.0;
    interface processor { process: func(args: string) -> string; }
    world incompatible { export processor; }"
        .into()
}

/// A processor whose function has the same name and number of parameters; only a nested type differs.
fn with_another_failure() -> String {
    processor_at("0.1.0").replace("tuple<problem, u64>", "tuple<problem, u32>")
}

fn with_another_imported_signature() -> String {
    "package saggar:task@0.1.0;
    interface log { write: func(message: string); }
    interface id-source { next: func() -> result<option<u64>, string>; }
    world incompatible { import log; export id-source; }"
        .into()
}

fn with_an_unknown_interface() -> String {
    let vault = "package acme:secrets@1.0.0 { interface vault { open: func(name: string) -> string; } }";
    processor_with(vault, "acme:secrets/vault@1.0.0")
}

fn with_the_source_of_scripts() -> String {
    let source =
        "package saggar:script@0.1.0 { interface source { text: func(file: string) -> result<string, string>; } }";
    processor_with(source, "saggar:script/source@0.1.0")
}

fn with_an_unknown_function() -> String {
    let extended = package_at("0.1.0") + "interface context { id: func() -> u64; tenant-secret: func() -> string; }";
    extended + "world incompatible { import context; export processor; }"
}

fn with_wasi_0_3() -> String {
    let clocks = "package wasi:clocks@0.3.0 { interface monotonic-clock { now: func() -> u64; } }";
    processor_with(clocks, "wasi:clocks/monotonic-clock@0.3.0")
}

fn with_imports_of_0_2() -> String {
    "package saggar-tests:incompatible;
    world incompatible { import saggar:task/progress@0.2.0; }
    package saggar:task@0.2.0 { interface progress { report: func(percent: u8); } }"
        .into()
}

fn with_an_export_of_0_2() -> String {
    "package saggar:task@0.2.0;
    interface processor { process: func(id: u64, args: string) -> string; }
    world incompatible { export processor; }"
        .into()
}

/// A processor like a real guest of another version, whose imports are reported first.
fn of_0_2() -> String {
    processor_at("0.2.0")
}

fn of_0_3() -> String {
    processor_at("0.3.0")
}
