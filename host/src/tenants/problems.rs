//! Problems of tenants' files in the operator's log: each names its tenant, and no tenant can fill the log.

use std::sync::Arc;

use saggar_definition::{Diagnostic, Location};

use crate::host::ProblemReporter;

/// How many problems of a tenant are reported at once. The tenant itself gets more of them from its reloads.
const REPORTED: usize = 20;

/// Returns a reporter of a tenant's problems.
pub(super) fn of_tenant(tenant: Arc<str>, report: ProblemReporter) -> ProblemReporter {
    Arc::new(move |problems| report(&named(&tenant, problems)))
}

/// Returns the first problems, with the name of the tenant.
pub(super) fn named(tenant: &str, problems: &[Diagnostic]) -> Vec<Diagnostic> {
    let name = |problem: &Diagnostic| {
        let mut problem = problem.clone();
        problem.message = format!("tenant {tenant}: {}", problem.message);
        problem
    };
    let mut named: Vec<Diagnostic> = problems.iter().take(REPORTED).map(name).collect();
    if let Some(more) = problems.len().checked_sub(REPORTED).filter(|more| *more > 0) {
        let message = format!("tenant {tenant}: {more} more problems are not shown");
        let problem = Diagnostic::error(Location::file("tasks"), message);
        named.push(problem.with_help("`saggar check --config FILE` shows all of them"));
    }
    named
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_of_reported_problems_is_bounded() {
        let problem = Diagnostic::error(Location::file("tasks/a.json"), "it is odd");
        let one = named("acme", std::slice::from_ref(&problem));
        assert_eq!(one.len(), 1);
        assert_eq!(one[0].brief(), "tasks/a.json: tenant acme: it is odd");
        let many = named("acme", &vec![problem; 10_000]);
        assert_eq!(many.len(), REPORTED + 1);
        assert!(many[REPORTED].message.contains("9980 more"), "{}", many[REPORTED].message);
    }
}
