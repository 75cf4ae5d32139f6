//! The tenants of the soak: their quotas and tokens, and their apps.

use fastrand::Rng;
use saggar_tests::crafted::attack;
use saggar_tests::{
    foreach_attack, foreach_behaviour_of_ends, foreach_behaviour_of_floods, foreach_behaviour_of_handles,
    foreach_behaviour_of_memory, foreach_behaviour_of_time, foreach_behaviour_of_words, guests,
};
use serde_json::{Value, json};

use super::stage::{Operator, table, token};

pub(super) const HONEST: usize = 5;
pub(super) const HOSTILE: usize = 20;

/// The operator's token.
pub(super) const OPERATOR: &str = "operator";

/// The task of an honest tenant, and its slots.
pub(super) const MEASURED: &str = "measured";
pub(super) const SLOTS: usize = 4;

/// Large enough for the work of an honest tenant, also without the others.
const QUOTAS_OF_HONEST: &str = "running = 16
waiting = 1000
memory = \"256MiB\"
keep_bytes = \"64MiB\"
adds_per_second = 5000
connections = 64
streams = 64
request_bytes = \"8MiB\"
response_bytes = \"8MiB\"
";

/// A hostile tenant exceeds all of them. There is no quota of processor time: fair sharing has to suffice.
const QUOTAS_OF_HOSTILE: &str = "running = 6
waiting = 2000
memory = \"48MiB\"
keep_bytes = \"32MiB\"
adds_per_second = 300
log_bytes_per_second = \"256KiB\"
connections = 32
streams = 8
request_bytes = \"8MiB\"
response_bytes = \"8MiB\"
compilations = 1
";

macro_rules! names {
    ($($name:ident)*) => { &[$(stringify!($name)),*] };
}

/// A hostile guest with its behaviours. Its task and its plugin have the same name.
struct HostileGuest {
    task: &'static str,
    guest: &'static str,
    behaviours: &'static [&'static str],
    memory: &'static str,
}

static GUESTS: [HostileGuest; 6] = [
    HostileGuest {
        task: "time",
        guest: guests::HOSTILE_TIME,
        behaviours: foreach_behaviour_of_time!(names),
        memory: "64MiB",
    },
    HostileGuest {
        task: "memory",
        guest: guests::HOSTILE_MEMORY,
        behaviours: foreach_behaviour_of_memory!(names),
        // More than the tenant's quota.
        memory: "256MiB",
    },
    HostileGuest {
        task: "words",
        guest: guests::HOSTILE_WORDS,
        behaviours: foreach_behaviour_of_words!(names),
        memory: "16MiB",
    },
    HostileGuest {
        task: "floods",
        guest: guests::HOSTILE_FLOODS,
        behaviours: foreach_behaviour_of_floods!(names),
        memory: "16MiB",
    },
    HostileGuest {
        task: "handles",
        guest: guests::HOSTILE_HANDLES,
        behaviours: foreach_behaviour_of_handles!(names),
        memory: "16MiB",
    },
    HostileGuest {
        task: "ends",
        guest: guests::HOSTILE_ENDS,
        behaviours: foreach_behaviour_of_ends!(names),
        memory: "16MiB",
    },
];

/// The attacks below the level of the bindings. Each is a task and a plugin of this name.
const CRAFTED: &[&str] = foreach_attack!(names);

/// Those of them that a host refuses to load.
const REFUSED: [&str; 3] = ["start_with_a_gigabyte", "start_with_a_large_table", "grow_sixteen_memories"];

/// The other tasks of a hostile tenant: the task, its plugin, and the guest.
const OTHERS: [(&str, &str, &str); 7] = [
    ("chain", "chain", guests::CHAIN),
    ("journal", "echo", guests::ECHO),
    ("leaking", "leaking", guests::LEAKING),
    ("loud", "recorder", guests::RECORDER),
    ("numbered", "echo", guests::ECHO),
    ("random", "random", guests::RANDOM_CALLS),
    ("sink", "echo", guests::ECHO),
];

/// The plugin that a hostile tenant breaks before a reload, and restores afterwards.
pub(super) const CHANGED_PLUGIN: &str = "plugins/changed.wasm";

/// Returns the name of an honest tenant, which is also its token.
pub(super) fn honest(number: usize) -> String {
    format!("honest-{number}")
}

/// Returns the name of a hostile tenant, which is also its token.
pub(super) fn hostile(number: usize) -> String {
    format!("hostile-{number:02}")
}

fn crafted() -> impl Iterator<Item = &'static str> {
    CRAFTED.iter().copied().filter(|name| !REFUSED.contains(name))
}

/// Returns the configuration of the host, with or without the hostile tenants. All tenants have the same weight.
pub(super) fn configuration(has_hostile: bool) -> String {
    let tenant = |name: &str, quotas: &str| format!("{}[tenant.quotas]\n{quotas}", table(name));
    let mut text = token("token", OPERATOR, "operator");
    text.extend((0..HONEST).map(|number| tenant(&honest(number), QUOTAS_OF_HONEST)));
    if has_hostile {
        text.extend((0..HOSTILE).map(|number| tenant(&hostile(number), QUOTAS_OF_HOSTILE)));
    }
    text
}

/// Writes the apps of all tenants.
pub(super) fn write(operator: &Operator) {
    for tenant in (0..HONEST).map(honest) {
        operator.write_plugin(&tenant, "computing", guests::COMPUTING);
        let task = json!({ "process": "plugins.computing", "worker_nums": SLOTS, "timeout": 60 });
        operator.write(&tenant, &format!("tasks/{MEASURED}.json"), task.to_string());
    }
    let crafted: Vec<_> =
        crafted().map(|name| (name, attack(name).unwrap_or_else(|error| panic!("{name}: {error:#}")))).collect();
    for tenant in (0..HOSTILE).map(hostile) {
        for HostileGuest { task, guest, memory, .. } in &GUESTS {
            operator.write_plugin(&tenant, task, guest);
            write_task(operator, &tenant, task, &json!({ "process": format!("plugins.{task}") }), memory);
        }
        for (name, bytes) in &crafted {
            operator.write(&tenant, &format!("plugins/{name}.wasm"), bytes);
            write_task(operator, &tenant, name, &json!({ "process": format!("plugins.{name}") }), "16MiB");
        }
        write_others(operator, &tenant);
    }
}

fn write_others(operator: &Operator, tenant: &str) {
    for (name, guest) in [("faulty", guests::FAULTY), ("ids", guests::IDS)] {
        operator.write_plugin(tenant, name, guest);
    }
    for (task, plugin, guest) in OTHERS {
        operator.write_plugin(tenant, plugin, guest);
        let mut definition = json!({ "process": format!("plugins.{plugin}") });
        match task {
            // Handlers that never end, and handlers that trap.
            "loud" => {
                let (spin, trap) = ("plugins.faulty#spin", "plugins.faulty#trap");
                definition["event"] = json!({ "add": trap, "progress": spin, "success": spin, "error": trap });
            }
            "numbered" => definition["event"] = json!({ "next": "plugins.ids#spin" }),
            _ => {}
        }
        write_task(operator, tenant, task, &definition, "16MiB");
    }
    write_task(operator, tenant, "changed", &json!({ "process": "plugins.changed" }), "16MiB");
    restore(operator, tenant);
}

/// Writes a task of a hostile tenant: short timeouts, so that much happens, and few jobs and bytes, so that its limits are
/// reached.
fn write_task(operator: &Operator, tenant: &str, task: &str, definition: &Value, memory: &str) {
    let mut definition = definition.clone();
    for (key, value) in [
        ("worker_nums", json!(2)),
        ("timeout", json!(1)),
        ("attempts", json!(1)),
        ("attempt_after", json!(1)),
        ("size", json!(500)),
        ("delayed_size", json!(500)),
        ("keep_bytes", json!("8MiB")),
        ("sandbox", json!({ "memory": memory, "event_timeout": 0.2 })),
    ] {
        definition[key] = value;
    }
    operator.write(tenant, &format!("tasks/{task}.json"), definition.to_string());
}

/// Writes the plugin that a hostile tenant breaks.
pub(super) fn restore(operator: &Operator, tenant: &str) {
    let bytes = std::fs::read(guests::ECHO).expect("the guests have been built");
    operator.write(tenant, CHANGED_PLUGIN, bytes);
}

/// Returns a random job of a hostile tenant: its task and its arguments.
pub(super) fn random_job(rng: &mut Rng) -> (&'static str, Value) {
    match rng.u8(..20) {
        // Each tenant always has jobs that want to compute.
        0..=5 => ("time", json!(["spin"])),
        6..=12 => {
            let guest = rng.choice(GUESTS.iter()).expect("a guest");
            (guest.task, json!([rng.choice(guest.behaviours.iter()).expect("a behaviour")]))
        }
        13..=14 => (rng.choice(crafted().collect::<Vec<_>>()).expect("an attack"), json!(["attack"])),
        15 => ("random", json!([rng.u32(1..)])),
        16 => {
            let what = rng.choice(["memory", "handle", "fields", "nothing"]).expect("a kind");
            ("leaking", json!([what, rng.usize(..100_000)]))
        }
        17 => ("chain", json!(["chain", rng.u8(..50), "x".repeat(rng.usize(..2_000))])),
        18 => ("loud", json!([rng.choice(["fail", "ok"]).expect("a word")])),
        _ => ("numbered", json!([])),
    }
}

/// Returns the name of a random task of a hostile tenant.
pub(super) fn random_task(rng: &mut Rng) -> &'static str {
    match rng.u8(..3) {
        0 => rng.choice(crafted().collect::<Vec<_>>()).expect("an attack"),
        1 => rng.choice(OTHERS.iter()).expect("a task").0,
        _ => rng.choice(GUESTS.iter()).expect("a guest").task,
    }
}
