//! The repository's own commands: `cargo demo` and `cargo xtask …`.

#![expect(clippy::print_stderr, reason = "whoever runs it looks at it, or stops it")]

use std::process::ExitCode;

const USAGE: &str = "\
usage: cargo demo             builds the examples and the host, and shows them at work
       cargo xtask examples   builds the examples' plugins and installs them into the apps
       cargo xtask dependencies
                              checks the licences, sources and versions of what is depended on";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let result = match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["demo"] => xtask::demo::run(),
        ["examples"] => xtask::examples::install().map(|installed| {
            for component in installed {
                eprintln!("{}", component.display());
            }
        }),
        ["dependencies"] => xtask::dependencies::check(),
        _ => {
            eprintln!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
