//! Colors on standard output and standard error, as far as the library `console` decides on them.

use console::Term;

use crate::config::Variables;

/// Treats an empty NO_COLOR as unset, like every variable of this program and as its specification says; the library
/// treats it as set. Call it before anything is printed.
pub(crate) fn apply_no_color(variables: &Variables) {
    if !variables.is_empty("NO_COLOR") {
        return;
    }
    let is_forced = variables.text("CLICOLOR_FORCE").is_some_and(|force| force != "0");
    let are_supported = !console::is_dumb() && variables.text("CLICOLOR") != Some("0");
    console::set_colors_enabled(is_forced || are_supported && Term::stdout().is_term());
    console::set_colors_enabled_stderr(is_forced || are_supported && Term::stderr().is_term());
}
