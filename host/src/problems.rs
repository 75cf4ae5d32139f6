//! Problems of an app or its configuration, as text.

use std::io::IsTerminal;

use saggar::Diagnostic;

/// Prints problems to standard error, in color on a terminal unless colors are off.
pub(crate) fn print(problems: &[Diagnostic]) {
    let color = std::io::stderr().is_terminal() && console::colors_enabled_stderr();
    for problem in problems {
        say!("{}\n", problem.render(color));
    }
}
