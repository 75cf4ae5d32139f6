//! Components that the host refuses: malformed, incompatible, expensive to compile, or with instances that can never fit. The
//! hostile tenant adds each to its app and reloads it; the reload fails with the reason, and the app goes on as it was.

use std::fs;

use saggar_tests::client::ApiResponse;
use saggar_tests::crafted::{BOMBS, attack, bomb, incompatible, malformed};
use saggar_tests::timeout::within_compile_time;
use saggar_tests::{foreach_incompatible, foreach_malformed, guests};
use serde_json::{Value, json};

use super::two_tenants::TwoTenants;

/// The attacks below the level of the bindings whose instances can never fit into a sandbox.
pub(super) const REFUSED_ATTACKS: [&str; 3] =
    ["start_with_a_gigabyte", "start_with_a_large_table", "grow_sixteen_memories"];

macro_rules! names {
    ($($name:ident)*) => { &[$(stringify!($name)),*] };
}

const MALFORMED: &[&str] = foreach_malformed!(names);
const INCOMPATIBLE: &[&str] = foreach_incompatible!(names);

/// Components with proposals that ordinary guests do not use.
const PROPOSALS: [&str; 3] = [
    "(core module (memory i64 1))",
    "(core module (memory 1 1 shared))",
    "(core module (type $f (func)) (type $c (cont $f)))",
];

/// Adds each component to the hostile tenant's app, one after the other.
pub(super) async fn refuse_all(host: &mut TwoTenants) {
    let good = fs::read(guests::ECHO).expect("the guests have been built");
    for name in MALFORMED {
        refuse(host, trap_of_malformed(name), name, malformed(name, &good)).await;
    }
    for name in INCOMPATIBLE {
        refuse(host, 34, name, incompatible(name)).await;
    }
    for name in BOMBS {
        refuse(host, trap_of_bomb(name), name, bomb(name)).await;
    }
    for name in REFUSED_ATTACKS {
        refuse(host, 9, name, attack(name)).await;
    }
    for fields in PROPOSALS {
        let bytes = wat::parse_str(format!("(component {fields})"));
        refuse(host, 33, fields, bytes.map_err(Into::into)).await;
    }
    host.remove("plugins/bad.wasm");
    host.remove("tasks/bad.json");
    host.hostile().reload().await;
}

async fn refuse(host: &mut TwoTenants, trap: u32, name: &str, bytes: anyhow::Result<Vec<u8>>) {
    host.write("plugins/bad.wasm", bytes.unwrap_or_else(|error| panic!("{name}: {error:#}")));
    host.write_task("bad", &json!({ "process": "plugins.bad" }));
    let answer = host.hostile().act("/v1/reload").await;
    let problems = problems(host, answer).await.to_string();
    assert!(["plugins/bad.wasm", "plugins.bad"].iter().any(|named| problems.contains(named)), "{name}: {problems}");
    host.withstood(&[trap], name).await;
}

/// Returns the problems of a reload that must fail, when it has ended.
async fn problems(host: &TwoTenants, mut answer: ApiResponse) -> Value {
    if answer.status != 202 {
        assert_eq!((answer.status, answer.code()), (409, "reload-failed"), "{answer:?}");
        return answer.body["problems"].take();
    }
    // It takes long, because the component is compiled until a limit is reached.
    within_compile_time("the end of a reload", async {
        loop {
            let status = host.hostile().get("/v1/reload").await;
            if status.body["running"] == false {
                return status.body["last"]["problems"].clone();
            }
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        }
    })
    .await
}

fn trap_of_malformed(name: &str) -> u32 {
    match name {
        "native_code" => 23,
        "text_format" => 25,
        "deeply_nested" => 40,
        _ => 24,
    }
}

fn trap_of_bomb(name: &str) -> u32 {
    match name {
        "nested_component_types" | "nested_instance_types" | "nested_components" => 40,
        instances if instances.starts_with("instances_") => 41,
        _ => 42,
    }
}
