//! Environment variables in task files: only those that the operator allows.

use saggar_tests::app::App;
use saggar_tests::guests;
use saggar_tests::program::{CommandOutput, command, output};
use serde_json::json;

fn app(variable: &str) -> App {
    let definition = json!({ "process": "plugins.echo", "name": format!("$ENV.{variable}") });
    App::new().plugin("echo", guests::ECHO).task("it", &definition)
}

fn check(app: &App, allow: Option<&str>) -> CommandOutput {
    let mut check = command();
    check.arg("check").arg(app.path());
    check.env("SAGGAR_APP_NAME", "of the app").env("REGION", "north").env("DATABASE_PASSWORD", "hunter2");
    output(check.args(allow.map(|names| format!("--env-allow={names}"))))
}

#[test]
fn only_variables_of_apps_are_allowed_by_default() {
    let said = check(&app("SAGGAR_APP_NAME"), None);
    assert_eq!((said.code, said.err.as_str()), (Some(0), ""));
    assert!(said.out.contains("of the app"), "{}", said.out);
    for variable in ["DATABASE_PASSWORD", "PATH", "HOME", "SAGGAR_TOKENS", "SAGGAR_APP"] {
        let said = check(&app(variable), None);
        assert_eq!(said.code, Some(1), "{variable}");
        assert!(said.err.contains("env_allow") && said.err.contains("`SAGGAR_APP_*`"), "{}", said.err);
        assert!(!said.err.contains("hunter2"), "{}", said.err);
    }
}

#[test]
fn the_operator_can_allow_other_variables() {
    let region = app("REGION");
    for (allow, code) in
        [("REGION", 0), ("SAGGAR_APP_*,REG*", 0), ("*", 0), ("region", 1), ("SAGGAR_APP_*", 1), ("", 1)]
    {
        assert_eq!(check(&region, Some(allow)).code, Some(code), "{allow}");
    }
    for wrong in ["A-B", "A,,B", "a b"] {
        let said = check(&region, Some(wrong));
        assert!(said.err.contains("`env_allow` must be"), "{}", said.err);
    }
}
