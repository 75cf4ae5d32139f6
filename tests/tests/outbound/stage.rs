//! A host whose task `fetch` sends requests as its jobs say, in the ways that guests have.

use std::collections::BTreeMap;
use std::io;
use std::net::IpAddr;
use std::sync::{Arc, Mutex};

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use saggar::HttpClient;
use saggar::grant::{Grants, HttpGrant, Methods, Network, OriginPattern, SecretGrant, SecretSource};
use saggar_http_client::Resolve;
use saggar_tests::app::App;
use saggar_tests::guests;
use saggar_tests::host::TestHost;
use serde_json::{Value, json};

/// The interfaces by which guests send requests.
pub(super) const WAYS: [&str; 2] = ["own", "wasi"];

/// Names for the tests. Each lookup gets the next list of addresses; the last one stays.
#[derive(Default)]
pub(super) struct Names(Mutex<BTreeMap<String, Vec<Vec<IpAddr>>>>);

impl Names {
    /// Sets what a name has.
    pub(super) fn set(&self, name: &str, answers: &[&str]) {
        let mut answers: Vec<Vec<IpAddr>> =
            answers.iter().map(|address| vec![address.parse().expect("an address")]).collect();
        answers.reverse();
        self.0.lock().expect("no test panicked with it").insert(name.to_owned(), answers);
    }
}

impl Resolve for Names {
    fn resolve(&self, name: &str) -> io::Result<Vec<IpAddr>> {
        let mut names = self.0.lock().expect("no test panicked with it");
        let answers = names.get_mut(name).ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))?;
        Ok(if answers.len() > 1 { answers.pop() } else { answers.last().cloned() }.unwrap_or_default())
    }
}

/// Grants of requests to these origins, with addresses of these networks.
pub(super) fn grants(origins: &[&str], networks: &[&str]) -> Grants {
    let origins = origins.iter().map(|origin| OriginPattern::parse(origin).expect("an origin")).collect();
    let networks = networks.iter().map(|network| Network::parse(network).expect("a network")).collect();
    Grants { http: Some(HttpGrant { origins, methods: Methods::ALL, networks }), ..Grants::of_single_app() }
}

/// A secret from the environment, for one header of one origin.
pub(super) fn secret(name: &str, origin: &str, header: &str) -> SecretGrant {
    let origins = vec![OriginPattern::parse(origin).expect("an origin")];
    SecretGrant {
        name: name.into(),
        source: SecretSource::Env("KEY".into()),
        origins,
        header: header.into(),
        signing: None,
    }
}

/// A host with the task `fetch`, which requests these origins.
pub(super) struct Stage {
    pub(super) host: TestHost,
    pub(super) names: Arc<Names>,
}

impl Stage {
    /// Starts a host whose task requests what it is granted.
    pub(super) async fn start(origins: &[&str], networks: &[&str]) -> Self {
        Self::start_as(&json!({ "sandbox": { "http": origins } }), grants(origins, networks)).await
    }

    /// Starts a host whose task has these keys beside its processor.
    pub(super) async fn start_as(task: &Value, grants: Grants) -> Self {
        let mut definition = json!({ "process": "plugins.fetch" });
        let more = task.as_object().expect("keys").clone();
        definition.as_object_mut().expect("keys").extend(more);
        let app = App::new().plugin("fetch", guests::FETCHING).task("fetch", &definition);
        let names = Arc::<Names>::default();
        let root = include_bytes!("../../../host/crates/http-client/tests/certificates/root.pem");
        let root = CertificateDer::from_pem_slice(root).expect("a certificate");
        let client = HttpClient::with(Arc::<Names>::clone(&names), [root]);
        let value = |name: &str| (name == "KEY").then(|| super::secrets::VALUE.to_owned());
        let host = TestHost::start_with(app, |builder| builder.grants(grants).http_client(client).env(value)).await;
        Self { host, names }
    }

    /// Sends a request.
    pub(super) async fn get(&self, way: &str, url: &str) -> Value {
        self.host.response("fetch", json!([way, "GET", url, {}, ""])).await
    }

    /// Sends a request with a header.
    pub(super) async fn get_with(&self, way: &str, url: &str, header: &str, value: &str) -> Value {
        self.host.response("fetch", json!([way, "GET", url, { header: value }, ""])).await
    }
}

/// Asserts that a request failed, in the words of the way that it was sent.
pub(super) fn assert_failed(way: &str, answer: &Value, own: &str, wasi: &str) {
    let expected = if way == "own" { own } else { wasi };
    let error = answer["error"].as_str().unwrap_or_else(|| panic!("{way}: {answer}"));
    assert!(error.contains(expected), "{way}: {answer}, not {expected}");
}
