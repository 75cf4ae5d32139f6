//! Authorization: a route that takes an [`Allowed`] runs only for requests with the named right, and gets only the jobs
//! of the request's tenant.

use std::marker::PhantomData;
use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::FromRequestParts;
use http::header::{AUTHORIZATION, HOST, ORIGIN};
use http::request::Parts;
use http::uri::Authority;
use http::{HeaderMap, HeaderName};
use saggar_job::TaskKey;
use saggar_wire::Code;

use crate::jobs::Jobs;
use crate::problem::Refusal;
use crate::service::Service;
use crate::tokens::Role;

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

impl Right for Read {
    const MIN_ROLE: Role = Role::Read;
}

impl Right for Write {
    const MIN_ROLE: Role = Role::Write;
}

impl Right for Admin {
    const MIN_ROLE: Role = Role::Admin;
}

/// A request that has the right `R`, with the jobs of its tenant.
pub(crate) struct Allowed<R> {
    pub(crate) jobs: Arc<dyn Jobs>,
    right: PhantomData<R>,
}

impl<R: Right> FromRequestParts<Service> for Allowed<R> {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, service: &Service) -> Result<Self, Refusal> {
        let tenant = if service.tokens().is_open() {
            check_origin(&parts.headers)?;
            TaskKey::DEFAULT_TENANT
        } else {
            let token = bearer(&parts.headers).and_then(|given| service.tokens().find(given));
            let token = token.ok_or_else(|| Refusal::plain(Code::Unauthorized))?;
            if token.role < R::MIN_ROLE {
                let (has, needs) = (token.role.name(), R::MIN_ROLE.name());
                let detail = format!("the token's role is `{has}`, but this needs `{needs}`");
                return Err(Refusal::new(Code::Forbidden, detail));
            }
            &token.tenant
        };
        let jobs = service.tenants().get(tenant).ok_or_else(|| {
            Refusal::new(Code::Forbidden, format!("this host does not run the tenant `{tenant}` of the token"))
        })?;
        Ok(Self { jobs: jobs.clone(), right: PhantomData })
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
    let refuse = || Err(Refusal::plain(Code::ForeignOrigin));
    // Repeated headers are refused, because another parser might use the other value.
    let text = |name: HeaderName| match headers.get_all(&name).iter().collect::<Vec<_>>()[..] {
        [] => None,
        [one] => Some(one.to_str().unwrap_or_default()),
        _ => Some(""),
    };
    let host = text(HOST).unwrap_or_default();
    if !is_loopback(host) {
        return refuse();
    }
    // Another port of this machine is another origin, but the same site.
    if matches!(text(HeaderName::from_static("sec-fetch-site")), Some("cross-site" | "same-site" | "")) {
        return refuse();
    }
    match text(ORIGIN) {
        Some(origin) if origin.split_once("://").map(|(_, authority)| authority) != Some(host) => refuse(),
        _ => Ok(()),
    }
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
