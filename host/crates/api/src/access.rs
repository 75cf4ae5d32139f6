//! Authorization: a route that takes an [`Allowed`] runs only for requests with the named right, and gets only the jobs
//! of the tenant that the request may ask for. A route that takes an [`Authorized`] is about more than one tenant.
//!
//! A request that names another tenant, or a task or job of it, is answered like one with an unknown name, in the same time:
//! the name of a tenant is compared with that of the token, and tasks and jobs are looked up only among those of the
//! request's own tenant.

use std::marker::PhantomData;
use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::FromRequestParts;
use http::header::{AUTHORIZATION, HOST, ORIGIN};
use http::request::Parts;
use http::uri::Authority;
use http::{HeaderMap, HeaderName};
use saggar_job::TaskKey;
use saggar_tenant::Tenant;
use saggar_wire::Code;

use crate::caller::{Caller, RequestTenant};
use crate::connection_tenant::ConnectionTenant;
use crate::grants::Grant;
use crate::jobs::Jobs;
use crate::problem::Refusal;
use crate::service::Service;
use crate::tokens::Role;

/// The header in which an operator says for which tenant it asks.
pub(crate) const TENANT: HeaderName = HeaderName::from_static("saggar-tenant");

/// A right that a route requires.
pub(crate) trait Right: Send + Sync {
    /// The lowest role that includes it.
    const MIN_ROLE: Role;
}

/// The right to look up jobs and tasks.
pub(crate) struct Read;

/// The right to add and change jobs.
pub(crate) struct Write;

/// The right to change tasks.
pub(crate) struct Admin;

/// The right to see and change all tenants.
pub(crate) struct Operator;

impl Right for Read {
    const MIN_ROLE: Role = Role::Read;
}

impl Right for Write {
    const MIN_ROLE: Role = Role::Write;
}

impl Right for Admin {
    const MIN_ROLE: Role = Role::Admin;
}

impl Right for Operator {
    const MIN_ROLE: Role = Role::Operator;
}

/// A request that has the right `R`, with the jobs of its tenant.
pub(crate) struct Allowed<R> {
    pub(crate) jobs: Arc<dyn Jobs>,
    pub(crate) caller: Caller,
    right: PhantomData<R>,
}

/// A request that has the right `R`, for whatever tenant.
pub(crate) struct Authorized<R> {
    pub(crate) caller: Caller,
    right: PhantomData<R>,
}

impl<R> Allowed<R> {
    /// Returns the tenant whose quotas and shares the request counts against. `None` for an operator: it can work for a
    /// tenant that has used up its quotas or is suspended.
    pub(crate) fn charged(&self) -> Option<&Arc<Tenant>> {
        self.caller.charged(self.jobs.tenant())
    }
}

impl<R: Right> FromRequestParts<Service> for Allowed<R> {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, service: &Service) -> Result<Self, Refusal> {
        let Authorized::<R> { caller, right } = Authorized::from_request_parts(parts, service).await?;
        let jobs = jobs_of(&caller, service)?;
        let tenant = Arc::clone(jobs.tenant());
        let is_charged = caller.charged(&tenant).is_some();
        parts.extensions.insert(RequestTenant { tenant, is_charged });
        Ok(Self { jobs, caller, right })
    }
}

impl<R: Right> FromRequestParts<Service> for Authorized<R> {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, service: &Service) -> Result<Self, Refusal> {
        let caller = caller(parts, service)?;
        if let Some(connection) = parts.extensions.get::<Arc<ConnectionTenant>>() {
            // A tenant that does not run has nothing that its requests could use.
            let own = caller.grant.only_tenant().and_then(|own| service.tenants().jobs(own));
            connection.belongs_to(own.as_ref().map(|jobs| jobs.tenant()))?;
        }
        caller.require(R::MIN_ROLE)?;
        Ok(Self { caller, right: PhantomData })
    }
}

/// Returns who sends a request.
fn caller(parts: &Parts, service: &Service) -> Result<Caller, Refusal> {
    let grant = match service.grants().of_anybody() {
        Some(anybody) => {
            check_origin(&parts.headers)?;
            anybody
        }
        None => {
            let grant = bearer(&parts.headers).and_then(|given| service.grants().find(given));
            let grant = grant.ok_or_else(|| Refusal::plain(Code::Unauthorized))?;
            if grant.token.as_ref().is_some_and(|token| token.has_expired(service.tenants().now())) {
                return Err(Refusal::plain(Code::TokenExpired));
            }
            grant
        }
    };
    let tenant = tenant(&parts.headers, &grant, service)?;
    let address = parts.extensions.get::<Arc<ConnectionTenant>>().map(|connection| connection.address());
    Ok(Caller { grant, tenant, address })
}

/// Returns the jobs of the tenant that a request asks for.
pub(crate) fn jobs_of(caller: &Caller, service: &Service) -> Result<Arc<dyn Jobs>, Refusal> {
    let tenant = caller.tenant.as_ref().ok_or_else(|| Refusal::plain(Code::TenantRequired))?;
    service.tenants().jobs(tenant).ok_or_else(|| Refusal::plain(Code::UnknownTenant))
}

/// Returns the tenant that a request asks for: the one of its token, or the one that it names if it may name any.
fn tenant(headers: &HeaderMap, grant: &Grant, service: &Service) -> Result<Option<Arc<str>>, Refusal> {
    let mut all = headers.get_all(TENANT).iter();
    let named = all.next().map(|one| one.to_str().map_err(|_| Refusal::plain(Code::UnknownTenant))).transpose()?;
    if all.next().is_some() {
        return Err(Refusal::new(Code::InvalidHeader, "`Saggar-Tenant` is given more than once; name one tenant"));
    }
    match (grant.only_tenant(), named) {
        (Some(own), None) => Ok(Some(own.clone())),
        (Some(own), Some(named)) if **own == *named => Ok(Some(own.clone())),
        (Some(_), Some(_)) => Err(Refusal::plain(Code::UnknownTenant)),
        (None, Some(named)) => Ok(Some(named.into())),
        // A host of one app without tokens is used as if there were no tenants.
        (None, None) if grant.token.is_none() && !service.tenants().are_configured() => {
            Ok(Some(TaskKey::DEFAULT_TENANT.into()))
        }
        (None, None) => Ok(None),
    }
}

/// Returns the token of the `Authorization: Bearer` header, if there is exactly one.
fn bearer(headers: &HeaderMap) -> Option<&[u8]> {
    let mut all = headers.get_all(AUTHORIZATION).iter();
    let (header, None) = (all.next()?.as_bytes(), all.next()) else { return None };
    let (scheme, token) = header.split_at_checked("Bearer ".len())?;
    scheme.eq_ignore_ascii_case(b"Bearer ").then(|| token.trim_ascii())
}

/// Refuses requests of web pages to a host without tokens. Such a host is open to every program on its machine,
/// including the user's browser. `Origin` identifies a page of another site, or `Sec-Fetch-Site` if the page only loads
/// an image. `Host` identifies a page whose own name resolves to this machine.
fn check_origin(headers: &HeaderMap) -> Result<(), Refusal> {
    check_host(headers)?;
    let refuse = || Err(Refusal::plain(Code::ForeignOrigin));
    // Another port of this machine is another origin, but the same site.
    if matches!(only(headers, &HeaderName::from_static("sec-fetch-site")), Some("cross-site" | "same-site" | "")) {
        return refuse();
    }
    let host = only(headers, &HOST).unwrap_or_default();
    match only(headers, &ORIGIN) {
        Some(origin) if origin.split_once("://").map(|(_, authority)| authority) != Some(host) => refuse(),
        _ => Ok(()),
    }
}

/// Refuses requests to a host without tokens under a name that is not this machine's own. The files of the dashboard require
/// no more: a link on another site may lead to them.
pub(crate) fn check_host(headers: &HeaderMap) -> Result<(), Refusal> {
    let host = only(headers, &HOST).unwrap_or_default();
    if is_loopback(host) { Ok(()) } else { Err(Refusal::plain(Code::ForeignOrigin)) }
}

/// Returns the value of a header; an empty text if it is repeated, because another parser might use the other value.
fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    let mut all = headers.get_all(name).iter();
    let first = all.next()?;
    Some(if all.next().is_none() { first.to_str().unwrap_or_default() } else { "" })
}

fn is_loopback(authority: &str) -> bool {
    let Ok(authority) = authority.parse::<Authority>() else { return false };
    let host = authority.host().trim_start_matches('[').trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost") || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_without_tokens_accepts_only_local_requests_of_the_same_origin() {
        let ask = |host: &'static str, origin: Option<&'static str>| {
            let mut headers = HeaderMap::new();
            headers.insert(HOST, http::HeaderValue::from_static(host));
            if let Some(origin) = origin {
                headers.insert(ORIGIN, http::HeaderValue::from_static(origin));
            }
            check_origin(&headers).is_ok()
        };
        for host in ["localhost:7717", "127.0.0.1:7717", "127.0.0.1", "[::1]:80", "LOCALHOST"] {
            assert!(ask(host, None), "{host}");
        }
        for host in ["", "evil.example", "evil.example:7717", "localhost.evil.example", "10.0.0.1", "a b"] {
            assert!(!ask(host, None), "{host}");
        }
        assert!(ask("localhost:7717", Some("http://localhost:7717")));
        for origin in ["http://localhost:8000", "https://evil.example", "null"] {
            assert!(!ask("localhost:7717", Some(origin)), "{origin}");
        }
        for (site, is_accepted) in [("none", true), ("same-origin", true), ("same-site", false), ("cross-site", false)]
        {
            let headers = [(HOST, "localhost:7717"), (HeaderName::from_static("sec-fetch-site"), site)];
            let headers = headers.map(|(name, value)| (name, http::HeaderValue::from_static(value)));
            assert_eq!(check_origin(&HeaderMap::from_iter(headers)).is_ok(), is_accepted, "{site}");
        }
    }

    #[test]
    fn a_bearer_token_is_given_in_one_header() {
        let of = |values: &[&'static str]| {
            let mut headers = HeaderMap::new();
            values.iter().for_each(|value| {
                headers.append(AUTHORIZATION, http::HeaderValue::from_static(value));
            });
            bearer(&headers).map(|token| String::from_utf8_lossy(token).into_owned())
        };
        assert_eq!(of(&["Bearer abc"]).as_deref(), Some("abc"));
        assert_eq!(of(&["bearer abc"]).as_deref(), Some("abc"));
        assert_eq!(of(&["Basic abc"]), None);
        assert_eq!(of(&["Bearer"]), None);
        assert_eq!(of(&["Bearer abc", "Bearer abc"]), None);
    }
}
