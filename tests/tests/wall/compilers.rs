//! A hardened host cannot start programs; another process starts its compilers.

use std::fs;
use std::process::Command;

use saggar_tests::crafted::distinct;
use saggar_tests::guests;
use saggar_tests::timeout::within_compile_time;
use serde_json::json;

use super::probe::Probe;

fn harmless() -> Probe {
    // Without a cache, each plugin is compiled.
    Probe::start(&["--harden", "require", "--cache-dir", "/proc/none"], false)
}

/// Returns the process that starts compilers: the only child of the host.
fn launcher(probe: &Probe) -> String {
    let pid = probe.server.pid();
    let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).expect("a list of children");
    let mut children = children.split_whitespace();
    let child = children.next().unwrap_or_else(|| panic!("the host has no child"));
    assert_eq!(children.next(), None, "the host has more than one child");
    child.to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hardened_host_compiles_new_plugins() {
    let probe = harmless();
    let plugin = fs::read(guests::FAILING).expect("a guest");
    probe.app.write("plugins/another.wasm", plugin);
    probe.app.write("tasks/another.json", json!({ "process": "plugins.another" }).to_string());
    let reloaded = probe.server.act("/v1/reload").await;
    assert_eq!(reloaded.status, 200, "{reloaded:?}");
    probe.app.write("plugins/another.wasm", "no component");
    let refused = probe.server.act("/v1/reload").await;
    assert_eq!(refused.status, 409, "{refused:?}");
    probe.server.stop();
}

/// The launcher reports it, because the host has no compilers of its own.
#[tokio::test(flavor = "multi_thread")]
async fn the_processor_time_of_the_launchers_compilers_is_counted() {
    const SERIES: &str = "saggar_tenant_compile_cpu_seconds_total{tenant=\"default\"} ";
    let probe = harmless();
    probe.app.write("tasks/another.json", json!({ "process": "plugins.another" }).to_string());
    within_compile_time("a second of processor time", async {
        for number in 0.. {
            probe.app.write("plugins/another.wasm", distinct(guests::FAILING, &format!("n{number}")));
            assert_eq!(probe.server.act("/v1/reload").await.status, 200);
            let metrics = probe.server.text("/metrics").await;
            let line = metrics.lines().find_map(|line| line.strip_prefix(SERIES));
            if line.and_then(|seconds| seconds.parse::<u64>().ok()).expect("the metric") > 0 {
                break;
            }
        }
    })
    .await;
    probe.server.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_launcher_has_no_rights_of_its_own() {
    let probe = harmless();
    let status = fs::read_to_string(format!("/proc/{}/status", launcher(&probe))).expect("a status");
    let value = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        line.unwrap_or_else(|| panic!("no {name}: {status}")).trim().to_owned()
    };
    assert_eq!((value("NoNewPrivs"), value("Seccomp")), ("1".into(), "2".into()));
    probe.server.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn without_its_launcher_a_host_runs_on_and_says_what_to_do() {
    let probe = harmless();
    let killed = Command::new("kill").args(["-s", "KILL", &launcher(&probe)]).status();
    assert!(killed.expect("kill starts").success());
    probe.app.write("plugins/another.wasm", fs::read(guests::FAILING).expect("a guest"));
    probe.app.write("tasks/another.json", json!({ "process": "plugins.another" }).to_string());
    let refused = probe.server.act("/v1/reload").await;
    let text = refused.body.to_string();
    assert!(text.contains("the process that starts compilers has ended; restart the host"), "{text}");
    let id = probe.server.add("echo", &json!({ "args": [1] })).await;
    assert_eq!(probe.server.ended("echo", id).await["status"], "SUCCESS");
    probe.server.stop();
}
