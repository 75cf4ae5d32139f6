//! Every way to attack a host that a tenant has, on a host with a hostile tenant and an honest one. After each attack the
//! honest tenant's job succeeds in time; after a round of them the memory is what it was before it. `tests/tests/traps.rs`
//! describes the attacks by number. The tests print how many of them a hostile tenant tries, and why it cannot try the others.

mod components;
mod jobs;
mod scenarios;
mod two_tenants;

use saggar_tests::memory::{bytes_within, settled_bytes};
use saggar_tests::server::Server;
use tokio::sync::Mutex;

use two_tenants::TwoTenants;

/// What a guest and the files of a tenant cannot bring about.
const ELSEWHERE: [(u32, &str); 3] = [
    (6, "it costs a little time and does no harm"),
    (11, "a host of several tenants has more sandboxes than the tasks of two tenants can fill"),
    (37, "only a program that embeds two hosts can mix their engines"),
];

/// The number of attacks in `tests/tests/traps.rs`.
const TRAPS: u32 = 50;

/// The most rounds after the first one. A leak grows in each of them; what allocators keep does not.
const ROUNDS: u32 = 4;

/// Memory that the host may have more after a round, besides a twentieth: pages that allocators keep.
const SPARE_BYTES: u64 = 8 << 20;

/// One host at a time, because attacks take all processors.
static TURN: Mutex<()> = Mutex::const_new(());

/// Makes all attacks, and again until the memory after a round is what it was before it. In the first round, what is
/// created once and kept is created.
async fn withstand(allocator: &str) {
    let _turn = TURN.lock().await;
    let mut host = TwoTenants::start(allocator);
    attack(&mut host).await;
    assert!(memory_comes_back(&mut host, allocator).await, "the memory has grown in each of {ROUNDS} rounds");
    print_traps(allocator, &host);
    let TwoTenants { server, traps, .. } = host;
    let elsewhere = ELSEWHERE.iter().map(|(trap, _)| *trap);
    let mut all: Vec<u32> = traps.into_iter().chain(elsewhere).collect();
    all.sort_unstable();
    assert_eq!(all, (1..=TRAPS).collect::<Vec<_>>(), "each is either tried here or elsewhere");
    check_log(server);
}

/// Makes each attack once; returns how many there are.
async fn attack(host: &mut TwoTenants) -> usize {
    host.attacks = 0;
    jobs::run_all(host).await;
    scenarios::run_all(host).await;
    components::refuse_all(host).await;
    host.attacks
}

/// Makes rounds of attacks until one leaves as little memory as there was before it; returns whether one did.
#[expect(clippy::print_stdout, reason = "the test prints what it has measured")]
async fn memory_comes_back(host: &mut TwoTenants, allocator: &str) -> bool {
    let pid = host.server.pid();
    for round in 1..=ROUNDS {
        let before = settled_bytes(pid, async || host.honest().assert_echoes("echo").await).await;
        let attacks = attack(host).await;
        let limit = before + before / 20 + SPARE_BYTES;
        let after = bytes_within(pid, limit, async || host.honest().assert_echoes("echo").await).await;
        let (before_mib, after_mib) = (before >> 20, after >> 20);
        println!(
            "{allocator}, round {round}: {attacks} attacks, {before_mib} MiB before and {after_mib} MiB after them"
        );
        if after <= limit {
            return true;
        }
    }
    false
}

#[expect(clippy::print_stdout, reason = "the test prints how much it has tried")]
fn print_traps(allocator: &str, host: &TwoTenants) {
    let numbers = host.traps.iter().map(u32::to_string).collect::<Vec<_>>().join(" ");
    println!("{allocator}: the attacks are {} of {TRAPS}: {numbers}", host.traps.len());
    ELSEWHERE.iter().for_each(|(trap, why)| println!("not by a tenant: {trap}, because {why}"));
}

/// Stops the host, and asserts that its log has no error of its own.
fn check_log(server: Server) {
    for line in server.stop() {
        let is_error = line.contains(" ERROR ") && !line.contains("the app was not reloaded");
        assert!(!is_error && !line.contains("panicked") && !line.contains("NO POOL"), "{line}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_honest_tenant_works_beside_every_attack_with_pooled_instances() {
    withstand("pooling").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_honest_tenant_works_beside_every_attack_with_instances_on_demand() {
    withstand("on-demand").await;
}
