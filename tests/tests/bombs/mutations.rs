//! Several hundred real components with a few bytes changed, the same in every run. A host loads or refuses each within
//! limits of time and memory, and keeps running.

use std::fs;

use fastrand::Rng;
use saggar_tests::app::App;
use saggar_tests::guests;
use saggar_tests::host::Start;
use saggar_tests::memory::Growth;
use serde_json::json;

/// Mutants of each guest.
const MUTANTS: usize = 70;

/// The limit of the host's growth. All plugins stay loaded, each with its code.
const GROWTH: u64 = 512 << 20;

/// Changes, removes, inserts or repeats some bytes.
fn mutate(bytes: &mut Vec<u8>, dice: &mut Rng) {
    for _ in 0..dice.usize(1..6) {
        // Most of a file is code. Its beginning and its end describe the component.
        let near = dice.usize(..2000.min(bytes.len()));
        let at = match dice.u8(..3) {
            0 => near,
            1 => bytes.len() - 1 - near,
            _ => dice.usize(..bytes.len()),
        };
        let some = at..(at + dice.usize(1..40)).min(bytes.len());
        match dice.u8(..5) {
            0 => bytes[at] ^= 1 << dice.u8(..8),
            1 => bytes[at] = *dice.choice(&[0, 1, 0x7f, 0x80, 0xff, 0x41, 0x40]).expect("there are some"),
            2 => drop(bytes.drain(some)),
            3 => {
                let again = bytes[some].to_vec();
                bytes.splice(at..at, again);
            }
            _ => bytes[some].fill(0xff),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn mutants_of_real_components_do_no_harm() {
    let mut dice = Rng::with_seed(11);
    let mut app = App::new().simple_task("good", guests::ECHO);
    for (number, guest) in [guests::ECHO, guests::RECORDER, guests::IDS].into_iter().enumerate() {
        let good = fs::read(guest).expect("the guests have been built");
        for mutant in 0..MUTANTS {
            let (mut bytes, name) = (good.clone(), format!("m{number}x{mutant}"));
            mutate(&mut bytes, &mut dice);
            app = app.plugin_bytes(&name, bytes).task(&name, &json!({ "process": format!("plugins.{name}") }));
        }
    }
    let growth = Growth::watch();
    let builder = saggar::Host::builder(app.path()).compiler(Start::confined().compiler);
    let loaded = builder.load().await.expect("the engine starts");
    assert!(loaded.tasks.iter().any(|task| task.id.as_str() == "good"), "the good task is not loaded");
    let refused = loaded.problems.len();
    eprintln!("{} loaded, {refused} refused, {} MiB", loaded.tasks.len(), growth.peak_bytes() >> 20);
    assert!(refused > MUTANTS, "only {refused} mutants are refused");
    assert!(growth.peak_bytes() < GROWTH, "{} MiB", growth.peak_bytes() >> 20);
    let panicked = loaded.problems.iter().find(|problem| problem.message.contains("panicked"));
    assert!(panicked.is_none(), "{panicked:?}");
}
