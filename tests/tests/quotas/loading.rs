//! How much of a tenant's code is compiled at a time, and in an hour.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use saggar_sandbox::{Compiler, Engine, EngineOptions, LoadError};
use saggar_tenant::{Quota, Quotas, Tenant};
use saggar_tests::crafted::{distinct, slow_to_compile};
use saggar_tests::guests;
use saggar_tests::program;
use saggar_tests::timeout::{within, within_compile_time};
use tokio::task::JoinSet;

use super::fixture::Fixture;

#[tokio::test(flavor = "multi_thread")]
async fn compilations_wait_for_their_turn_and_zero_allows_none() {
    let fixture = Fixture::new(Quotas { compilations: Some(0), ..Quotas::default() }).await;
    let Fixture { acme, other, .. } = &fixture;
    // Each has to be compiled.
    let plugin = |name: &str| {
        let path = fixture.app.path().join(format!("plugins/{name}.wasm"));
        fs::write(&path, distinct(guests::ECHO, name)).expect("a plugin");
        path
    };
    let [of_acme, of_other] = [acme, other].map(|side| fixture.engine.for_tenant(Arc::clone(&side.tenant)));
    let refused = within("a refusal", of_acme.load(plugin("refused"))).await.expect_err("it may not compile");
    let LoadError::Quota(exceeded) = &refused else { panic!("{refused:?}") };
    assert_eq!((exceeded.quota, exceeded.limit), ("compilations", 0));
    assert_eq!(refused.to_string(), "the tenant's quota `compilations` of 0 does not allow 1 at once");
    within("a compilation", of_other.load(plugin("unlimited"))).await.expect("it has no quota");
    acme.tenant.set_quotas(&Quotas { compilations: Some(1), ..Quotas::default() });
    let held = acme.tenant.hold_when_free(Quota::Compilations).await.expect("there is room");
    let (loading, also_loading) = (of_acme.load(plugin("first")), of_acme.load(plugin("second")));
    let mut all = Box::pin(async { tokio::join!(loading, also_loading) });
    assert!((&mut all).now_or_never().is_none());
    within("a compilation beside a waiting one", of_other.load(plugin("beside"))).await.expect("it has no quota");
    assert!((&mut all).now_or_never().is_none());
    drop(held);
    let (first, second) = within("both compilations", all).await;
    assert!(first.is_ok() && second.is_ok());
    assert_eq!(acme.tenant.level(Quota::Compilations).used(), 0);
    fixture.stop().await;
}

/// Compiles in processes of their own, and without a cache.
#[tokio::test(flavor = "multi_thread")]
async fn the_processor_time_of_compilers_counts_for_their_tenant_whatever_they_end_in() {
    let compiler = Compiler::Process(program::path().to_owned());
    let engine = Engine::new(EngineOptions { sandboxes: 1, compiler, ..EngineOptions::default() }).expect("an engine");
    let (acme, other) = (Tenant::new("acme"), Tenant::new("other"));
    let [of_acme, of_other] = [&acme, &other].map(|tenant| engine.for_tenant(Arc::clone(tenant)));
    let files = tempfile::tempdir().expect("a directory");
    let file = |name: &str, bytes: Vec<u8>| {
        let path = files.path().join(name);
        fs::write(&path, bytes).expect("a plugin");
        path
    };
    let good = |name: &str| file(name, distinct(guests::ECHO, name));
    of_acme.load(good("first")).await.expect("it is within the quota");
    let after_one = acme.compile_time();
    assert!(!after_one.is_zero(), "a compilation takes time");
    // A cut file is refused by the process, too.
    let cut = file("cut", distinct(guests::ECHO, "cut")[..10_000].to_vec());
    let refused = of_acme.load(cut).await.expect_err("it is not complete");
    assert!(matches!(refused, LoadError::Invalid(_)), "{refused:?}");
    let after_two = acme.compile_time();
    assert!(after_two > after_one, "a refused component takes time, too");

    // Computing guests use up the rest.
    acme.set_quotas(&Quotas { cpu_seconds_per_hour: Some(1), ..Quotas::default() });
    acme.count_cpu(Duration::from_secs(1).saturating_sub(after_two), std::time::Instant::now());
    let exhausted = of_acme.load(good("second")).await.expect_err("the hour is used up");
    let LoadError::Quota(exceeded) = &exhausted else { panic!("{exhausted:?}") };
    assert_eq!((exceeded.quota, exceeded.limit), ("cpu_seconds_per_hour", 1));
    assert_eq!(acme.compile_time(), after_two, "nothing was compiled");
    of_other.load(good("third")).await.expect("it has no quota");
    acme.set_quotas(&Quotas::default());
    // Its code is in use, so it is not compiled again.
    let known = of_other.load(files.path().join("third")).await.expect("a plugin");
    let before = acme.compile_time();
    of_acme.load(files.path().join("third")).await.expect("a plugin");
    assert_eq!(acme.compile_time(), before, "the code of {:?} is shared", known.path());

    // Its compiler is killed when a load is dropped.
    let slow = file("slow", slow_to_compile().expect("a component"));
    let mut loading = JoinSet::new();
    loading.spawn(async move { of_acme.load(slow).await.is_ok() });
    within_compile_time("a compiler at work", async {
        while !is_compiling() {
            tokio::task::yield_now().await;
        }
    })
    .await;
    loading.abort_all();
    assert!(loading.join_next().await.is_some_and(|ended| ended.is_err()), "the load ended before it was cancelled");
    let at_least = before + Duration::from_millis(100);
    within("the end of the compiler", async {
        while acme.compile_time() < at_least {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

/// Returns whether a compiler of this process has used 200 ms of processor time.
fn is_compiling() -> bool {
    let read = |path: PathBuf| fs::read_to_string(path).unwrap_or_default();
    let threads = fs::read_dir("/proc/self/task").expect("the threads of this process");
    let children: Vec<String> = threads
        .flatten()
        .flat_map(|thread| {
            let children = read(thread.path().join("children"));
            children.split_whitespace().map(str::to_owned).collect::<Vec<_>>()
        })
        .collect();
    children.iter().any(|child| {
        let of_child = |name: &str| read(Path::new("/proc").join(child).join(name));
        let stat = of_child("stat");
        let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
        let times = fields.get(11..13).unwrap_or_default().iter();
        let ticks: u64 = times.filter_map(|ticks| ticks.parse::<u64>().ok()).sum();
        ticks > 20 && of_child("cmdline").contains("compile-plugin")
    })
}
