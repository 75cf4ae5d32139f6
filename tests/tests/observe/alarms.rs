//! The alarms of the documentation: Prometheus accepts them, and they fire as intended.

use std::fs;
use std::process::Command;

use serde_json::json;

/// Returns the expressions below "Worth an alarm", without their comments.
fn documented() -> Vec<String> {
    let documentation = include_str!("../../../docs/observability.md");
    let (_, rest) = documentation.split_once("Worth an alarm").expect("a section of alarms");
    let block = rest.split("```").nth(1).expect("a block of expressions");
    let lines = block.lines().map(|line| line.split(" # ").next().unwrap_or_default().trim());
    lines.filter(|line| !line.is_empty()).map(str::to_owned).collect()
}

#[test]
fn documented_alarms_are_valid_and_cancelled_jobs_are_not_failures() {
    let alarms = documented();
    assert!(alarms.len() >= 6, "{alarms:?}");
    let failures = alarms.iter().position(|alarm| alarm.contains("saggar_jobs_total")).expect("one for failures");
    let rules: Vec<_> =
        alarms.iter().enumerate().map(|(at, expr)| json!({ "alert": format!("alarm{at}"), "expr": expr })).collect();
    let series = |task: &str, outcome: &str, per_minute: u64| {
        let labels = format!("saggar_jobs_total{{task=\"{task}\", outcome=\"{outcome}\"}}");
        json!({ "series": labels, "values": format!("0+{per_minute}x20") })
    };
    let input = [
        series("calm", "success", 100),
        series("calm", "failed", 1),
        series("calm", "cancelled", 900),
        series("ill", "success", 90),
        series("ill", "timeout", 10),
        // Cancelled jobs must not hide failures.
        series("hidden", "success", 9),
        series("hidden", "trap", 1),
        series("hidden", "cancelled", 1_000),
        series("stopped", "cancelled", 10),
    ];
    let alert = |task: &str| json!({ "exp_labels": { "task": task, "alertname": format!("alarm{failures}") } });
    let expected = json!({
        "eval_time": "15m",
        "alertname": format!("alarm{failures}"),
        "exp_alerts": [alert("hidden"), alert("ill")],
    });
    let test = json!({ "interval": "1m", "input_series": input, "alert_rule_test": [expected] });
    let folder = tempfile::tempdir().expect("a directory");
    let write = |name: &str, document: &serde_json::Value| {
        // JSON is YAML.
        fs::write(folder.path().join(name), document.to_string()).expect("a file");
    };
    write("rules.yml", &json!({ "groups": [{ "name": "saggar", "rules": rules }] }));
    write("tests.yml", &json!({ "rule_files": ["rules.yml"], "evaluation_interval": "1m", "tests": [test] }));
    for arguments in [["check", "rules", "rules.yml"], ["test", "rules", "tests.yml"]] {
        let said = Command::new("promtool").args(arguments).current_dir(folder.path()).output();
        let said = said.unwrap_or_else(|error| {
            panic!("promtool cannot be started ({error}): install it with `apt-get install -y prometheus`")
        });
        let text = [said.stdout, said.stderr].map(|said| String::from_utf8_lossy(&said).into_owned()).concat();
        assert!(said.status.success(), "{arguments:?}: {text}");
    }
}
