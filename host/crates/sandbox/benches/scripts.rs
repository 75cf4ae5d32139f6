//! Compares calls of scripts, and of plugins beside them, with bare wasmtime that runs the same component. Prints the times,
//! the ratios and the aims.
//!
//! The bare variant is a straightforward use of wasmtime with the same pool: a store, an instance, a typed function, imports
//! that do nothing. Saggar's variant is `Sandbox::call`, with deadline, limits, cancellation, services, measurement and
//! validation of the answer. Both run in turns, because another program may take half of the machine for a while.

#![expect(clippy::print_stdout, reason = "a benchmark prints its results")]

#[path = "scripts/bare.rs"]
mod bare;
#[path = "scripts/ours.rs"]
mod ours;
#[path = "scripts/times.rs"]
mod times;

use std::path::Path;

use bare::Bare;
use ours::Ours;
use times::Times;

/// The component that runs scripts.
const RUNNER: &[u8] = include_bytes!("../../../script-runner/script-runner.wasm");

/// The sample of the original's documentation.
const SEED: &str = include_str!("../../../../examples/apps/yao/scripts/task.js");

/// Bytes of a memory that stay resident in the pools of plugins and of scripts.
const RESIDENT: [usize; 2] = [64 << 10, 1 << 20];

/// Rounds, each of so many calls of every variant.
const ROUNDS: usize = 25;
const FRESH: usize = 80;
const WARM: usize = 800;

/// A function of a script.
#[derive(Debug, Clone, Copy)]
struct Script {
    name: &'static str,
    text: &'static str,
    function: &'static str,
    /// Microseconds that a fresh and a warm call may take.
    aims: [f64; 2],
}

const SCRIPTS: [Script; 2] = [
    Script { name: "empty script", text: "function f() {}", function: "f", aims: [60.0, 10.0] },
    Script { name: "the sample's Send", text: SEED, function: "Send", aims: [120.0, 30.0] },
];

fn main() -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    runtime.block_on(async {
        println!("microseconds, minimum and median of {} fresh and {} warm calls", ROUNDS * FRESH, ROUNDS * WARM);
        for script in SCRIPTS {
            compare_script(script).await?;
        }
        compare_plugins().await
    })
}

/// Measures a script in both variants.
async fn compare_script(script: Script) -> anyhow::Result<()> {
    let bare = Bare::script(RESIDENT[1], RUNNER, script).await?;
    let ours = Ours::script(RUNNER, script).await?;
    let (mut fresh_ours, mut warm_ours) = (ours.sandbox(1), ours.sandbox(u32::MAX));
    let mut warm_bare = bare.instance().await?;
    let mut times: [Times; 4] = Default::default();
    for _ in 0..ROUNDS {
        times[0].round(FRESH, async || bare.instance().await?.call().await).await?;
        times[1].round(FRESH, async || fresh_ours.call().await).await?;
        times[2].round(WARM, async || warm_bare.call().await).await?;
        times[3].round(WARM, async || warm_ours.call().await).await?;
    }
    for (kind, pair, aim) in [("fresh", &times[..2], script.aims[0]), ("warm", &times[2..], script.aims[1])] {
        let [floor, saggar] = pair else { unreachable!("two variants") };
        println!(
            "{:18} {kind:5}  bare {floor}   saggar {saggar} (aim {aim:.0})   saggar / bare = {}",
            script.name,
            saggar.ratio(floor)
        );
    }
    Ok(())
}

/// Measures a plugin in Rust in apps without and with scripts.
async fn compare_plugins() -> anyhow::Result<()> {
    let guest = build_guest()?;
    let bare = [Bare::plugin(RESIDENT[0], &guest)?, Bare::plugin(RESIDENT[0], &guest)?];
    let ours = [Ours::plugin(&guest, RUNNER, None).await?, Ours::plugin(&guest, RUNNER, Some(SCRIPTS[0])).await?];
    let mut warm_bare = [bare[0].instance().await?, bare[1].instance().await?];
    let mut fresh_ours = [ours[0].sandbox(1), ours[1].sandbox(1)];
    let mut warm_ours = [ours[0].sandbox(u32::MAX), ours[1].sandbox(u32::MAX)];
    let mut times: [[Times; 4]; 2] = Default::default();
    for _ in 0..ROUNDS {
        for (at, times) in times.iter_mut().enumerate() {
            times[0].round(FRESH, async || bare[at].instance().await?.call().await).await?;
            times[1].round(FRESH, async || fresh_ours[at].call().await).await?;
            times[2].round(WARM, async || warm_bare[at].call().await).await?;
            times[3].round(WARM, async || warm_ours[at].call().await).await?;
        }
    }
    for (name, times) in ["plugin, no scripts", "plugin and scripts"].into_iter().zip(&times) {
        for (kind, floor, saggar) in [("fresh", &times[0], &times[1]), ("warm", &times[2], &times[3])] {
            println!("{name:18} {kind:5}  bare {floor}   saggar {saggar}   saggar / bare = {}", saggar.ratio(floor));
        }
    }
    for (kind, at) in [("fresh", 1), ("warm", 3)] {
        println!("a {kind} call of a plugin: without scripts / with scripts = {}", times[0][at].ratio(&times[1][at]));
    }
    Ok(())
}

fn build_guest() -> anyhow::Result<Vec<u8>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../..");
    let guests = xtask::guests::build(&root.join("tests/guests"), &root.join("target/guests"))?;
    let empty = guests.into_iter().find(|guest| guest.name == "empty");
    let empty = empty.ok_or_else(|| anyhow::anyhow!("tests/guests has no guest `empty`"))?;
    Ok(std::fs::read(empty.path)?)
}
