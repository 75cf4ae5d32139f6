//! The alarms of the documentation: Prometheus accepts them, and they fire as intended.

use std::fs;
use std::process::Command;

use saggar::FailureKind;
use serde_json::{Value, json};

/// Returns the expressions below "Worth an alarm", without their comments.
fn documented() -> Vec<String> {
    let documentation = include_str!("../../../docs/observability.md");
    let (_, rest) = documentation.split_once("Worth an alarm").expect("a section of alarms");
    let block = rest.split("```").nth(1).expect("a block of expressions");
    let lines = block.lines().map(|line| line.split(" # ").next().unwrap_or_default().trim());
    lines.filter(|line| !line.is_empty()).map(str::to_owned).collect()
}

/// Returns the counter of the jobs of a task that ended with this outcome, a value each minute.
fn counter(task: &str, outcome: &str, values: &str) -> Value {
    labelled("task", task, outcome, values)
}

/// Returns the counter of the jobs with this label that ended with this outcome.
fn labelled(label: &str, name: &str, outcome: &str, values: &str) -> Value {
    json!({ "series": format!("saggar_jobs_total{{{label}=\"{name}\", outcome=\"{outcome}\"}}"), "values": values })
}

/// Returns a counter that grows for 20 minutes.
fn growing(task: &str, outcome: &str, per_minute: u64) -> Value {
    counter(task, outcome, &format!("0+{per_minute}x20"))
}

/// Asserts that Prometheus accepts all documented alarms, and that the one for failures fires for exactly these tasks at
/// these times.
fn assert_alarms(counters: &[Value], times_and_tasks: &[(&str, &[&str])]) {
    assert_alarms_of("task", counters, times_and_tasks);
}

/// Does the same for whatever has this label.
fn assert_alarms_of(label: &str, counters: &[Value], times_and_names: &[(&str, &[&str])]) {
    let alarms = documented();
    assert!(alarms.len() >= 6, "{alarms:?}");
    let failures = alarms.iter().position(|alarm| alarm.contains("saggar_jobs_total")).expect("one for failures");
    let rules: Vec<_> =
        alarms.iter().enumerate().map(|(at, expr)| json!({ "alert": format!("alarm{at}"), "expr": expr })).collect();
    let alert = |name: &&str| json!({ "exp_labels": { label: name, "alertname": format!("alarm{failures}") } });
    let expected: Vec<_> = times_and_names
        .iter()
        .map(|(time, names)| {
            let alerts: Vec<_> = names.iter().map(alert).collect();
            json!({ "eval_time": time, "alertname": format!("alarm{failures}"), "exp_alerts": alerts })
        })
        .collect();
    let test = json!({ "interval": "1m", "input_series": counters, "alert_rule_test": expected });
    let folder = tempfile::tempdir().expect("a directory");
    let write = |name: &str, document: &Value| {
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

#[test]
fn documented_alarms_are_valid_and_cancelled_jobs_are_not_failures() {
    let counters = [
        growing("calm", "success", 100),
        growing("calm", "failed", 1),
        growing("calm", "cancelled", 900),
        growing("ill", "success", 90),
        growing("ill", "timeout", 10),
        // Cancelled jobs must not hide failures.
        growing("hidden", "success", 9),
        growing("hidden", "trap", 1),
        growing("hidden", "cancelled", 1_000),
        growing("stopped", "cancelled", 10),
    ];
    assert_alarms(&counters, &[("15m", &["hidden", "ill"][..])]);
}

#[test]
fn jobs_that_end_with_any_other_reason_are_failures_for_the_alarm() {
    let reasons = FailureKind::ALL.map(FailureKind::name);
    // Each reason is also the name of a task with as many jobs that ended with it.
    let counters: Vec<_> =
        reasons.iter().flat_map(|reason| [growing(reason, "success", 90), growing(reason, reason, 10)]).collect();
    let ill: Vec<_> = reasons.into_iter().filter(|reason| *reason != "cancelled").collect();
    assert_eq!(ill.len(), reasons.len() - 1);
    assert_alarms(&counters, &[("15m", &ill[..])]);
}

#[test]
fn the_alarm_ends_when_a_task_has_only_cancelled_jobs_since_its_failures() {
    let counters = [
        counter("recovered", "failed", "0+10x5 50+0x15"),
        growing("recovered", "cancelled", 100),
        // A task whose failures go on is not affected by its cancelled jobs.
        growing("ill", "failed", 10),
        growing("ill", "cancelled", 100),
        counter("idle", "cancelled", "0+10x5 50+0x15"),
    ];
    assert_alarms(&counters, &[("4m", &["ill", "recovered"][..]), ("15m", &["ill"][..])]);
}

/// A host with tenants counts the jobs of each tenant, and not of each task.
#[test]
fn the_alarm_names_the_tenant_whose_jobs_fail() {
    let counters = [
        labelled("tenant", "ill", "success", "0+9x20"),
        labelled("tenant", "ill", "failed", "0+1x20"),
        labelled("tenant", "calm", "success", "0+1000x20"),
    ];
    assert_alarms_of("tenant", &counters, &[("15m", &["ill"][..])]);
}
