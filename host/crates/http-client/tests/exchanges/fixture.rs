//! A client with a resolver that answers as a test says.

use std::collections::BTreeMap;
use std::io;
use std::net::IpAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use saggar_grant::{HttpGranted, Methods, Network, OriginPattern, SecretGrant, SecretSource};
use saggar_http_client::{
    HttpClient, HttpError, HttpErrorKind, HttpRequest, HttpResponse, HttpTimeouts, Resolve, TenantHttp, read_secrets,
    run_program,
};
use saggar_tenant::Tenant;

/// What tests wait for at most.
pub(crate) const LONG: Duration = Duration::from_secs(60);

/// A time limit that tests wait for.
pub(crate) const SHORT: Duration = Duration::from_millis(100);

/// Maximum bytes of a response's body.
pub(crate) const MAX_RESPONSE: usize = 64 << 10;

/// Answers with lists of addresses, one after the other; the last one stays.
#[derive(Default)]
pub(crate) struct Names {
    answers: Mutex<BTreeMap<String, Vec<Vec<IpAddr>>>>,
    asked: Mutex<Vec<String>>,
}

impl Names {
    /// Sets the answers for a name.
    pub(crate) fn set(&self, name: &str, answers: &[&[&str]]) {
        let parse = |address: &&str| -> IpAddr { address.parse().expect("an address") };
        let mut answers: Vec<Vec<IpAddr>> = answers.iter().map(|one| one.iter().map(parse).collect()).collect();
        answers.reverse();
        self.answers.lock().expect("no test panicked with it").insert(name.to_owned(), answers);
    }

    /// Returns the names that were looked up, in order.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.asked.lock().expect("no test panicked with it").clone()
    }
}

impl Resolve for Names {
    fn resolve(&self, name: &str) -> io::Result<Vec<IpAddr>> {
        self.asked.lock().expect("no test panicked with it").push(name.to_owned());
        let mut answers = self.answers.lock().expect("no test panicked with it");
        let answers = answers.get_mut(name).ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))?;
        let answer = if answers.len() > 1 { answers.pop() } else { answers.last().cloned() };
        Ok(answer.unwrap_or_default())
    }
}

/// A client whose resolver knows the names of the tests.
pub(crate) struct Client {
    pub(crate) names: Arc<Names>,
    client: HttpClient,
    pub(crate) http: TenantHttp,
}

impl Client {
    pub(crate) fn new() -> Self {
        let names = Arc::<Names>::default();
        let root = CertificateDer::from_pem_slice(include_bytes!("../certificates/root.pem")).expect("a certificate");
        let client = HttpClient::with(Arc::<Names>::clone(&names), [root]);
        let http = TenantHttp::new(client.clone(), Tenant::new("acme"));
        Self { names, client, http }
    }

    /// Returns the exchanges of another tenant over the same client.
    pub(crate) fn of_tenant(&self, name: &str) -> TenantHttp {
        TenantHttp::new(self.client.clone(), Tenant::new(name))
    }

    /// Makes an exchange of a task that may reach this machine.
    pub(crate) async fn get(&self, url: &str) -> Result<HttpResponse, HttpErrorKind> {
        self.exchange(&local(url), request(url)).await
    }

    /// Makes an exchange of a task with this in force.
    pub(crate) async fn exchange(
        &self,
        granted: &HttpGranted,
        request: HttpRequest,
    ) -> Result<HttpResponse, HttpErrorKind> {
        exchange(&self.http, granted, request).await.map_err(|error| error.kind)
    }
}

/// Makes an exchange, which ends in time.
pub(crate) async fn exchange(
    http: &TenantHttp,
    granted: &HttpGranted,
    request: HttpRequest,
) -> Result<HttpResponse, HttpError> {
    let exchange = http.exchange("fetch", granted, request);
    tokio::time::timeout(LONG, exchange).await.expect("the exchange ends")
}

/// A request without a body.
pub(crate) fn request(url: &str) -> HttpRequest {
    HttpRequest {
        method: "GET".into(),
        url: url.into(),
        headers: Vec::new(),
        body: Bytes::new(),
        timeouts: HttpTimeouts::within(LONG),
        max_response: MAX_RESPONSE,
    }
}

/// What a task has in force that may send requests to any host with the scheme and port of this URL, in these networks.
pub(crate) fn granted(url: &str, networks: &[&str]) -> HttpGranted {
    let (scheme, rest) = url.split_once("://").expect("a URL");
    let authority = rest.split('/').next().unwrap_or_default();
    let port = authority.rsplit(':').next().filter(|port| port.bytes().all(|byte| byte.is_ascii_digit()));
    let origin = port.map_or_else(|| format!("{scheme}://*"), |port| format!("{scheme}://*:{port}"));
    let networks = networks.iter().map(|network| Network::parse(network).expect("a network")).collect();
    let origins = vec![OriginPattern::parse(&origin).expect("an origin")];
    HttpGranted { origins, methods: Methods::ALL, networks, secrets: Vec::new() }
}

/// What a task has in force that may reach this machine.
pub(crate) fn local(url: &str) -> HttpGranted {
    granted(url, &["127.0.0.1"])
}

/// A secret for a header of one origin.
pub(crate) fn secret(name: &str, origin: &str, header: &str) -> SecretGrant {
    let origins = vec![OriginPattern::parse(origin).expect("an origin")];
    SecretGrant {
        name: name.into(),
        source: SecretSource::Env(name.into()),
        origins,
        header: header.into(),
        signing: None,
    }
}

/// Gives a tenant these secrets with these values.
pub(crate) fn set_secrets(http: &TenantHttp, values: &[(&SecretGrant, &str)]) {
    let grants: Vec<_> = values.iter().map(|(grant, _)| (*grant).clone()).collect();
    let value = |name: &str| values.iter().find(|(grant, _)| grant.name == name).map(|(_, value)| (*value).to_owned());
    let (secrets, errors) = read_secrets(&grants, value, run_program);
    assert!(errors.is_empty(), "{errors:?}");
    http.set_secrets(secrets);
}

/// Returns a header of a response.
pub(crate) fn header<'a>(response: &'a HttpResponse, name: &str) -> Option<&'a str> {
    let value = response.headers.iter().find(|(other, _)| other == name);
    value.and_then(|(_, value)| std::str::from_utf8(value).ok())
}
