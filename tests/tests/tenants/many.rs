//! What many tenants cost: the start, memory, an idle processor, adding, and the metrics. Prints figures; run it on demand.

use std::time::{Duration, Instant};

use saggar_tests::server::Server;
use serde_json::json;

use super::stage::{Operator, table, with};

/// Tasks of each tenant.
const TASKS: usize = 10;

/// How long the processor time of the idle host is measured.
const IDLE: Duration = Duration::from_secs(20);

fn name(tenant: usize) -> String {
    format!("tenant-{tenant:04}")
}

/// Creates this many tenants with the same plugin.
fn operator(tenants: usize) -> Operator {
    let operator = Operator::new(&[]);
    let mut tables = String::new();
    for tenant in 0..tenants {
        let tenant = name(tenant);
        (0..TASKS).for_each(|task| operator.write_echo(&tenant, &format!("task{task}")));
        tables.push_str(&table(&tenant));
    }
    operator.configure(&[], &tables);
    operator
}

/// Returns a number of a line of `/proc/PID/status`, in KiB.
fn status(server: &Server, key: &str) -> u64 {
    let text = std::fs::read_to_string(format!("/proc/{}/status", server.pid())).expect("a running process");
    let line = text.lines().find_map(|line| line.strip_prefix(key)).expect("the key");
    line.split_whitespace().next().expect("a value").parse().expect("a number")
}

/// Returns the processor time that the process has used, in hundredths of a second.
fn ticks(server: &Server) -> u64 {
    let text = std::fs::read_to_string(format!("/proc/{}/stat", server.pid())).expect("a running process");
    let (_, fields) = text.rsplit_once(')').expect("the name of the command");
    let field = |at: usize| fields.split_whitespace().nth(at).expect("a field").parse::<u64>().expect("a number");
    field(11) + field(12)
}

/// Returns the median time of adding a job, over several tenants.
async fn adding(server: &Server, tenants: usize) -> Duration {
    let mut times = Vec::new();
    for round in 0..50 {
        let tenant = name(round * 7 % tenants);
        let client = with(server, &tenant);
        let begun = Instant::now();
        client.add("task3", &json!([1])).await;
        times.push(begun.elapsed());
    }
    times.sort();
    times[times.len() / 2]
}

#[expect(clippy::print_stdout, reason = "it prints what it measured")]
async fn measure(tenants: usize) {
    let operator = operator(tenants);
    // The first start compiles the plugin and creates the tasks in the store.
    operator.serve().stop();
    let begun = Instant::now();
    let server = Server::start_unprepared(operator.command("serve"));
    let listening = begun.elapsed();
    server.log().until("all plugins are loaded");
    let loaded = begun.elapsed();
    let resident = status(&server, "VmRSS:") / 1024;
    let before = ticks(&server);
    tokio::time::sleep(IDLE).await;
    let idle = (ticks(&server) - before) as f64 / IDLE.as_secs_f64();
    let adding = adding(&server, tenants).await;
    let begun = Instant::now();
    let request = server.request(reqwest::Method::GET, "/metrics").bearer_auth("operator");
    let metrics = request.send().await.expect("an answer").text().await.expect("text");
    let metrics_took = begun.elapsed();
    let begun = Instant::now();
    with(&server, "operator").reload().await;
    let reloaded = begun.elapsed();
    println!(
        "{tenants} tenants with {TASKS} tasks: listening after {listening:?}, loaded after {loaded:?}, {resident} MiB resident, \
         idle at {idle:.2} % of a core, a job added in {adding:?}, /metrics of {} KiB in {metrics_took:?}, a reload of all \
         in {reloaded:?}",
        metrics.len() / 1024
    );
    server.stop();
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "prints figures; run with --release, and SAGGAR_TEST_TENANTS for another number of tenants"]
async fn what_a_thousand_tenants_cost() {
    let tenants = std::env::var_os("SAGGAR_TEST_TENANTS");
    let tenants = tenants.map(|text| text.to_str().and_then(|text| text.parse().ok()).expect("a number"));
    measure(1).await;
    measure(tenants.unwrap_or(1_000)).await;
}
