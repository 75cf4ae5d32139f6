//! Error codes that are provoked on a host in this process, because no request to the binary of a host of one app provokes
//! them.

use std::time::Duration;

use saggar::Timestamp;
use saggar::api::{Limits, Role, Service, Token, Tokens};
use saggar::wire::Code;
use saggar_tests::client::{client, send};
use saggar_tests::host::{TestHost, listen};
use serde_json::Value;

use super::stage::app;

/// Returns the answer of a host with this service to a request with the token `secret`.
async fn answer(path: &str, service: impl FnOnce(&TestHost) -> Service) -> Value {
    let host = TestHost::start(app()).await;
    let listener = listen(service(&host), Limits::default()).await;
    let ask = |path: &str| send(client().get(format!("http://{}{path}", listener.address())).bearer_auth("secret"));
    let refused = ask(path).await;
    refused.code();
    assert_eq!(ask("/readyz").await.status, 200, "the host keeps serving");
    listener.stop(Duration::ZERO).await;
    host.shutdown().await;
    refused.body
}

/// Asks a host whose code that renders metrics panics.
pub(super) async fn internal() -> Value {
    let panics = |host: &TestHost| {
        saggar::service(host.inner(), Tokens::default()).with_metrics(|| panic!("provoked by a test"))
    };
    answer("/metrics", panics).await
}

/// Asks with an operator's token: one that has expired, or one without a tenant.
pub(super) async fn of_operator(code: Code) -> Value {
    let token = Token::new("op", "", Role::Operator, &Token::digest_of("secret")).expect("a digest");
    let expires = (code == Code::TokenExpired).then_some(Timestamp(1));
    let tokens = Tokens::new(vec![token.with_expiry(expires)]);
    answer("/v1/jobs", |host| saggar::service(host.inner(), tokens)).await
}
