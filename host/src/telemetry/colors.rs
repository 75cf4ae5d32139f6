//! Colours on the two terminals, as far as a library decides on them.

use console::Term;

use crate::config::Variables;

/// Has a NO_COLOR that is set to nothing count as not set, as every variable here does, and as its specification wants it. The
/// library takes it for set. To be called before anything is shown.
pub(crate) fn apply_no_color(variables: &Variables) {
    if !variables.is_empty("NO_COLOR") {
        return;
    }
    let is_forced = variables.text("CLICOLOR_FORCE").is_some_and(|force| force != "0");
    let are_fine = !console::is_dumb() && variables.text("CLICOLOR") != Some("0");
    console::set_colors_enabled(is_forced || are_fine && Term::stdout().is_term());
    console::set_colors_enabled_stderr(is_forced || are_fine && Term::stderr().is_term());
}
