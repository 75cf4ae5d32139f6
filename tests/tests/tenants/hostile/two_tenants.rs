//! A host with a hostile and an honest tenant.

use std::collections::BTreeSet;
use std::time::Duration;

use saggar_tests::client::job_path;
use saggar_tests::crafted::attack;
use saggar_tests::guests;
use saggar_tests::server::Server;
use saggar_tests::timeout::within;
use serde_json::{Value, json};

use super::super::stage::{Client, Operator, with};
use super::jobs::loaded_attacks;

/// The names of the tenants, which are also their tokens.
const HOSTILE: &str = "hostile";
const HONEST: &str = "honest";

/// How long a job of the honest tenant may take from its adding to the answer of the client that waits for it.
const PROMPT: Duration = Duration::from_secs(10);

/// The timeout of attacks that never end, and of those that end by themselves, in seconds.
const SHORT: u32 = 1;
const LONG: u32 = 55;

/// The plugins of the hostile tenant.
const PLUGINS: [(&str, &str); 20] = [
    ("adder", guests::ADDER),
    ("changing", guests::CONTEXT),
    ("clocks", guests::CLOCKS),
    ("echo", guests::ECHO),
    ("ends", guests::HOSTILE_ENDS),
    ("environment", guests::ENVIRONMENT),
    ("floods", guests::HOSTILE_FLOODS),
    ("handles", guests::HOSTILE_HANDLES),
    ("ids", guests::IDS),
    ("leaking", guests::LEAKING),
    ("left", guests::ECHO),
    ("memory", guests::HOSTILE_MEMORY),
    ("murmuring", guests::MURMURING),
    ("random", guests::RANDOM_CALLS),
    ("recorder", guests::RECORDER),
    ("right", guests::HOSTILE_ENDS),
    ("sink", guests::ECHO),
    ("faulty", guests::FAULTY),
    ("time", guests::HOSTILE_TIME),
    ("words", guests::HOSTILE_WORDS),
];

pub(super) struct TwoTenants {
    pub(super) server: Server,
    /// Its directory is removed after the server has ended.
    pub(super) operator: Operator,
    /// How many attacks were made in this round.
    pub(super) attacks: usize,
    /// The numbers of what was tried.
    pub(super) traps: BTreeSet<u32>,
}

impl TwoTenants {
    /// Starts the host. It retains few events, because retained events would count as lost memory.
    pub(super) fn start(allocator: &str) -> Self {
        let operator = Operator::new(&[HOSTILE, HONEST]);
        write_hostile_app(&operator);
        write_honest_app(&operator);
        let mut serve = operator.command("serve");
        serve.args(["--allocator", allocator, "--events-keep", "256"]);
        Self { server: Server::start_by(serve), operator, attacks: 0, traps: BTreeSet::new() }
    }

    pub(super) fn hostile(&self) -> Client<'_> {
        with(&self.server, HOSTILE)
    }

    pub(super) fn honest(&self) -> Client<'_> {
        with(&self.server, HONEST)
    }

    /// Adds a job of the hostile tenant, and waits for its end.
    pub(super) async fn run(&self, task: &str, args: &Value) -> Value {
        let id = self.hostile().add(task, args).await;
        self.hostile().ended(task, id).await
    }

    /// Waits until a job of the hostile tenant is in a state.
    pub(super) async fn until(&self, task: &str, id: u64, is_reached: impl Fn(&Value) -> bool) {
        let path = job_path(task, id);
        within("the state of a job", async {
            while !is_reached(&self.hostile().get(&path).await.body) {
                tokio::task::yield_now().await;
            }
        })
        .await;
    }

    /// Counts an attack, after which the honest tenant's job has to succeed in time.
    pub(super) async fn withstood(&mut self, traps: &[u32], attack: &str) {
        self.attacks += 1;
        self.traps.extend(traps);
        let honest = tokio::time::timeout(PROMPT, self.honest().assert_echoes("echo")).await;
        assert!(honest.is_ok(), "after {attack}, a job of the honest tenant has not ended within {PROMPT:?}");
    }

    /// Writes a file of the hostile tenant's app.
    pub(super) fn write(&self, path: &str, content: impl AsRef<[u8]>) {
        self.operator.write(HOSTILE, path, content);
    }

    pub(super) fn write_task(&self, task: &str, definition: &Value) {
        self.write(&format!("tasks/{task}.json"), definition.to_string());
    }

    /// Removes a file of the hostile tenant's app.
    pub(super) fn remove(&self, path: &str) {
        std::fs::remove_file(self.operator.path(&format!("{HOSTILE}/{path}"))).expect("the file exists");
    }
}

fn task(plugin: &str, timeout: u32, memory: &str) -> Value {
    let mut task =
        json!({ "process": format!("plugins.{plugin}"), "timeout": timeout, "sandbox": { "memory": memory } });
    if plugin == "memory" {
        // Each attack begins with an empty memory.
        task["sandbox"]["reuse"] = json!(1);
    }
    task
}

fn write_hostile_app(operator: &Operator) {
    PLUGINS.iter().for_each(|(name, guest)| operator.write_plugin(HOSTILE, name, guest));
    let write = |name: &str, task: Value| operator.write(HOSTILE, &format!("tasks/{name}.json"), task.to_string());
    for (name, plugin, timeout, memory) in [
        ("adder", "adder", LONG, "16MiB"),
        ("changing", "changing", LONG, "16MiB"),
        ("clocks", "clocks", LONG, "16MiB"),
        ("echo", "echo", LONG, "64MiB"),
        ("ends", "ends", LONG, "16MiB"),
        ("environment", "environment", LONG, "16MiB"),
        ("floods", "floods", LONG, "16MiB"),
        ("handles", "handles", LONG, "16MiB"),
        ("handles-small", "handles", LONG, "3MiB"),
        ("leaking", "leaking", LONG, "4MiB"),
        ("memory", "memory", LONG, "16MiB"),
        ("memory-large", "memory", LONG, "256MiB"),
        ("murmuring", "murmuring", LONG, "16MiB"),
        ("random", "random", SHORT, "16MiB"),
        ("sink", "sink", LONG, "16MiB"),
        ("time", "time", SHORT, "64MiB"),
        ("time-long", "time", LONG, "16MiB"),
        ("words", "words", LONG, "16MiB"),
    ] {
        write(name, task(plugin, timeout, memory));
    }
    // One instance per job, and more slots than processors.
    for side in ["left", "right"] {
        let sandbox = json!({ "reuse": 1, "memory": "16MiB" });
        write(side, json!({ "process": format!("plugins.{side}"), "worker_nums": 32, "sandbox": sandbox }));
    }
    write("thrice", json!({ "process": "plugins.ends", "sandbox": { "reuse": 3 } }));
    write("writer", json!({ "process": "plugins.memory", "sandbox": { "reuse": 1, "memory": "16MiB" } }));
    write("many", json!({ "process": "plugins.time", "worker_nums": 32, "timeout": 3 }));
    // What guests add stays there: the task is paused.
    write("journal", json!({ "process": "plugins.echo", "size": 1000 }));
    write("numbered", json!({ "process": "plugins.echo", "event": { "next": "plugins.ids#trap" } }));
    let (spin, trap) = ("plugins.faulty#spin", "plugins.faulty#trap");
    let event = json!({ "add": trap, "progress": spin, "success": spin, "error": trap });
    let sandbox = json!({ "event_timeout": 0.2 });
    write("loud", json!({ "process": "plugins.recorder", "event": event, "sandbox": sandbox }));
    for name in loaded_attacks() {
        let bytes = attack(name).unwrap_or_else(|error| panic!("{name}: {error:#}"));
        operator.write(HOSTILE, &format!("plugins/{name}.wasm"), bytes);
        write(name, task(name, if name.starts_with("spin") { SHORT } else { LONG }, "16MiB"));
    }
}

fn write_honest_app(operator: &Operator) {
    let write = |name: &str, task: Value| operator.write(HONEST, &format!("tasks/{name}.json"), task.to_string());
    operator.write_plugin(HONEST, "memory", guests::HOSTILE_MEMORY);
    write("echo", json!({ "process": "plugins.echo", "timeout": 5 }));
    write("own", json!({ "process": "plugins.echo" }));
    // Its guest looks whether its memory has bytes of somebody else.
    write("reader", json!({ "process": "plugins.memory", "sandbox": { "reuse": 1, "memory": "16MiB" } }));
}
