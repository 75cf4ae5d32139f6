//! How much of a tenant's code is compiled at a time.

use std::sync::Arc;

use futures_util::FutureExt;
use saggar_sandbox::LoadError;
use saggar_tenant::{Quota, Quotas};
use saggar_tests::crafted::distinct;
use saggar_tests::guests;
use saggar_tests::timeout::within;

use super::fixture::Fixture;

#[tokio::test(flavor = "multi_thread")]
async fn compilations_wait_for_their_turn_and_zero_allows_none() {
    let fixture = Fixture::new(Quotas { compilations: Some(0), ..Quotas::default() }).await;
    let Fixture { acme, other, .. } = &fixture;
    // Each has to be compiled.
    let plugin = |name: &str| {
        let path = fixture.app.path().join(format!("plugins/{name}.wasm"));
        std::fs::write(&path, distinct(guests::ECHO, name)).expect("a plugin");
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
