//! The dashboard: its page at the root, and its files below their build. They are the same for everyone, so no token is
//! needed: what they show, they ask of the API.

use std::path::{Component, Path, PathBuf};

use axum::Router;
use axum::body::Body;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path as Segments, State};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::header::{
    ACCEPT, ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, HeaderName,
    IF_NONE_MATCH, REFERRER_POLICY, VARY,
};
use http::{HeaderMap, HeaderValue, StatusCode};
use saggar_dashboard::Asset;
use saggar_wire::Code;

use crate::access::check_host;
use crate::dashboard::Dashboard;
use crate::problem::Refusal;
use crate::response_budget::IsBudgeted;
use crate::service::Service;

/// The build of files that are read from a folder: their digest would change while they are edited.
const EDITED: &str = "edited";

const EVERY_TIME: HeaderValue = HeaderValue::from_static("no-cache");
const FOR_GOOD: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");

/// Returns the routes. They are not in the OpenAPI document, because no program asks for them.
pub(crate) fn routes() -> Router<Service> {
    let unknown = || async { Refusal::plain(Code::UnknownRoute) };
    Router::new()
        .route("/", get(get_page).fallback(unknown))
        .route("/ui/{build}/{*path}", get(get_file).fallback(unknown))
}

async fn get_page(State(service): State<Service>, headers: HeaderMap) -> Result<Response, Refusal> {
    if !takes_html(&headers) {
        return Err(Refusal::plain(Code::UnknownRoute));
    }
    match dashboard(&service, &headers)? {
        Dashboard::Embedded => embedded(saggar_dashboard::index(), EVERY_TIME, &headers),
        Dashboard::Folder(folder) => {
            let bytes = read(folder.join("index.html")).await?;
            let page = saggar_dashboard::fill(&String::from_utf8_lossy(&bytes), EDITED);
            let media_type = saggar_dashboard::index().media_type;
            response(page.text.into(), media_type, EVERY_TIME, &page.policy)
        }
    }
}

async fn get_file(
    State(service): State<Service>,
    segments: Result<Segments<(String, String)>, PathRejection>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let Ok(Segments((build, path))) = segments else { return Err(Refusal::plain(Code::UnknownRoute)) };
    match dashboard(&service, &headers)? {
        Dashboard::Embedded if build == saggar_dashboard::BUILD => {
            let asset = saggar_dashboard::find(&path).ok_or_else(|| Refusal::plain(Code::UnknownRoute))?;
            embedded(asset, FOR_GOOD, &headers)
        }
        Dashboard::Folder(folder) if build == EDITED => {
            let media_type = saggar_dashboard::media_type(&path).filter(|_| is_below(&path));
            let media_type = media_type.ok_or_else(|| Refusal::plain(Code::UnknownRoute))?;
            response(read(folder.join(path)).await?.into(), media_type, EVERY_TIME, saggar_dashboard::policy())
        }
        // Of another build: the page offers to load itself again.
        Dashboard::Embedded | Dashboard::Folder(_) => Err(Refusal::plain(Code::UnknownRoute)),
    }
}

/// Returns the dashboard, if the host has one. A link on another site may lead to it, but its host has to be this machine if
/// the service is open to it: otherwise a name that resolves to this machine would get the page.
fn dashboard<'a>(service: &'a Service, headers: &HeaderMap) -> Result<&'a Dashboard, Refusal> {
    if service.grants().is_open() {
        check_host(headers)?;
    }
    service.dashboard().ok_or_else(|| Refusal::plain(Code::UnknownRoute))
}

/// Returns whether a request is a browser's for a page, or of a program that takes anything.
fn takes_html(headers: &HeaderMap) -> bool {
    let mut values = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok()).peekable();
    values.peek().is_none() || values.any(|value| value.contains("text/html") || value.contains("*/*"))
}

/// Returns whether a path stays in its folder.
fn is_below(path: &str) -> bool {
    let is_visible =
        |part: Component<'_>| matches!(part, Component::Normal(name) if !name.as_encoded_bytes().starts_with(b"."));
    Path::new(path).components().all(is_visible)
}

async fn read(path: PathBuf) -> Result<Vec<u8>, Refusal> {
    let read = tokio::task::spawn_blocking(move || std::fs::read(path)).await;
    let read = read.map_err(|error| Refusal::internal(&error.to_string()))?;
    read.map_err(|_| Refusal::plain(Code::UnknownRoute))
}

/// Answers with an embedded file, compressed for clients that take it, or says that the client has it.
fn embedded(asset: &'static Asset, caching: HeaderValue, headers: &HeaderMap) -> Result<Response, Refusal> {
    let is_compressed = takes_gzip(headers);
    let tag = format!("\"{}{}\"", asset.digest, if is_compressed { "-gzip" } else { "" });
    let has_it = headers.get_all(IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    let has_it = has_it.flat_map(|value| value.split(',')).any(|known| known.trim() == tag || known.trim() == "*");
    let body = match (has_it, is_compressed) {
        (true, _) => Body::empty(),
        (false, true) => Body::from(asset.gzip),
        (false, false) => Body::from(asset.bytes),
    };
    let mut response = response(body, asset.media_type, caching, saggar_dashboard::policy())?;
    response.headers_mut().insert(ETAG, header(&tag)?);
    response.headers_mut().insert(VARY, HeaderValue::from_static("accept-encoding"));
    if has_it {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
    } else if is_compressed {
        response.headers_mut().insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    // The bytes are the program's own, so clients that read them slowly take no room from others.
    response.extensions_mut().insert(IsBudgeted);
    Ok(response)
}

fn response(body: Body, media_type: &'static str, caching: HeaderValue, policy: &str) -> Result<Response, Refusal> {
    let headers = [
        (CONTENT_TYPE, HeaderValue::from_static(media_type)),
        (CACHE_CONTROL, caching),
        (CONTENT_SECURITY_POLICY, header(policy)?),
        (REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
        (HeaderName::from_static("cross-origin-resource-policy"), HeaderValue::from_static("same-origin")),
    ];
    Ok((headers, body).into_response())
}

fn header(text: &str) -> Result<HeaderValue, Refusal> {
    HeaderValue::from_str(text).map_err(|error| Refusal::internal(&format!("not a header: {error}")))
}

/// Returns whether a client takes answers that are compressed by gzip.
fn takes_gzip(headers: &HeaderMap) -> bool {
    let values = headers.get_all(ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).any(|coding| {
        let (name, weight) = coding.split_once(';').unwrap_or((coding, ""));
        let weight = weight.trim().strip_prefix("q=").unwrap_or("1");
        name.trim().eq_ignore_ascii_case("gzip") && weight.parse::<f32>().is_ok_and(|weight| weight > 0.0)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: HeaderName, values: &[&'static str]) -> HeaderMap {
        values.iter().map(|value| (name.clone(), HeaderValue::from_static(value))).collect()
    }

    #[test]
    fn a_page_is_for_browsers_and_for_programs_that_take_anything() {
        let takes = |values: &[&'static str]| takes_html(&headers(ACCEPT, values));
        assert!(takes(&[]) && takes(&["*/*"]) && takes(&["text/html,application/xml;q=0.9"]));
        assert!(!takes(&["application/json"]) && !takes(&["text/event-stream"]));
    }

    #[test]
    fn a_client_says_whether_it_takes_gzip() {
        let takes = |values: &[&'static str]| takes_gzip(&headers(ACCEPT_ENCODING, values));
        assert!(takes(&["gzip, deflate, br"]) && takes(&["br", "GZIP;q=0.5"]));
        assert!(!takes(&[]) && !takes(&["br"]) && !takes(&["gzip;q=0"]) && !takes(&["x-gzip"]));
    }

    #[test]
    fn a_client_with_the_file_gets_no_content() {
        let page = saggar_dashboard::index();
        let first = embedded(page, EVERY_TIME, &HeaderMap::new()).unwrap();
        let tag = first.headers()[ETAG].clone();
        assert_eq!((first.status(), first.headers().get(CONTENT_ENCODING)), (StatusCode::OK, None));
        let again = embedded(page, EVERY_TIME, &HeaderMap::from_iter([(IF_NONE_MATCH, tag.clone())])).unwrap();
        assert_eq!(again.status(), StatusCode::NOT_MODIFIED);
        let both = [(IF_NONE_MATCH, tag), (ACCEPT_ENCODING, HeaderValue::from_static("gzip"))];
        let compressed = embedded(page, EVERY_TIME, &HeaderMap::from_iter(both)).unwrap();
        assert_eq!(compressed.headers()[CONTENT_ENCODING], "gzip", "the encodings have their own tags");
    }

    #[test]
    fn paths_stay_in_the_folder() {
        for path in ["main.js", "parts/table.js"] {
            assert!(is_below(path), "{path}");
        }
        for path in ["../secret.txt", "/etc/passwd.txt", "parts/../../a.js", ".env.txt", "a/.git/b.txt"] {
            assert!(!is_below(path), "{path}");
        }
    }
}
