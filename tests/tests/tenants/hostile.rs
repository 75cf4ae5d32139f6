//! Every way to attack a host that a tenant has, on a host with a hostile tenant and an honest one. After each attack the
//! honest tenant's job succeeds in time; afterwards the memory is what it was. `tests/tests/traps.rs` describes the attacks
//! by number. The tests print how many of them a hostile tenant tries, and why it cannot try the others.

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

/// Memory that the host may have more at the end, besides a twentieth: pages that allocators keep.
const SPARE_BYTES: u64 = 16 << 20;

/// One host at a time, because attacks take all processors.
static TURN: Mutex<()> = Mutex::const_new(());

/// Makes all attacks twice. The first time, what is created once and kept is created.
async fn withstand(allocator: &str) {
    let _turn = TURN.lock().await;
    let mut host = TwoTenants::start(allocator);
    jobs::run_all(&mut host).await;
    scenarios::run_all(&mut host).await;
    components::refuse_all(&mut host).await;
    let pid = host.server.pid();
    let before = settled_bytes(pid, async || host.honest().assert_echoes("echo").await).await;

    jobs::run_all(&mut host).await;
    scenarios::run_all(&mut host).await;
    components::refuse_all(&mut host).await;
    let limit = before + before / 20 + SPARE_BYTES;
    let after = bytes_within(pid, limit, async || host.honest().assert_echoes("echo").await).await;
    print_attacks(allocator, &host, before, after);
    assert!(after <= limit, "{after} bytes of memory, {before} before the second round");
    let TwoTenants { server, traps, .. } = host;
    let elsewhere = ELSEWHERE.iter().map(|(trap, _)| *trap);
    let mut all: Vec<u32> = traps.into_iter().chain(elsewhere).collect();
    all.sort_unstable();
    assert_eq!(all, (1..=TRAPS).collect::<Vec<_>>(), "each is either tried here or elsewhere");
    check_log(server);
}

#[expect(clippy::print_stdout, reason = "the test prints how much it has tried")]
fn print_attacks(allocator: &str, host: &TwoTenants, before: u64, after: u64) {
    let numbers = host.traps.iter().map(u32::to_string).collect::<Vec<_>>().join(" ");
    println!(
        "{allocator}: {} attacks, which are {} of {TRAPS}: {numbers}; {} MiB of memory before and {} MiB after the second round",
        host.attacks,
        host.traps.len(),
        before >> 20,
        after >> 20
    );
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
