//! Runs the examples of docs/http.md unchanged.

use saggar_tests::program::output;
use saggar_tests::tools::tool;

use super::stage::serve;

const GUIDE: &str = include_str!("../../../docs/http.md");

/// Returns the guide's commands, each on one line.
fn commands() -> Vec<String> {
    let blocks = GUIDE.split("```sh\n").skip(1).filter_map(|block| block.split("```").next());
    let lines: Vec<String> =
        blocks.flat_map(|block| block.replace("\\\n", "").lines().map(str::to_owned).collect::<Vec<_>>()).collect();
    lines.into_iter().filter(|line| line.starts_with("curl ")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_example_works() {
    let server = serve();
    let commands = commands();
    assert!(commands.len() > 15, "{commands:?}");
    // Fails with a clear message if curl is missing.
    drop(tool("curl"));
    for command in commands {
        // Limits the time of streams, which do not end by themselves.
        let curl = "curl -s -o /dev/null -w '%{http_code}' --max-time 2 ";
        let script =
            format!("host={} TOKEN=none OPERATOR=none; {}", server.url(""), command.replacen("curl ", curl, 1));
        let said = output(std::process::Command::new("sh").args(["-c", &script]));
        // Some changes are refused, depending on whether the job has ended. So is the reload, because a task is broken.
        // The app of these examples has no such tenants.
        let is_of_other_tenant = command.contains("Saggar-Tenant: acme") || command.contains("tenants/gone");
        assert_eq!(said.out == "404", is_of_other_tenant, "{command}: {said:?}");
        assert!(matches!(&*said.out, "200" | "201" | "204" | "404" | "409"), "{command}: {said:?}");
        assert!(
            said.out != "409" || command.contains("jobs/1") || command.contains("POST $host/v1/reload"),
            "{command}: {said:?}"
        );
    }
    server.stop();
}
