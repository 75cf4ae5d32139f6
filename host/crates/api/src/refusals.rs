//! Refusals of routes in the OpenAPI document: a response for each status, with its possible codes. Each route declares
//! its refusals with the macro [`refusals!`].

use std::collections::BTreeMap;

use saggar_wire::Code;
use utoipa::openapi::schema::{AllOfBuilder, ObjectBuilder, Type};
use utoipa::openapi::{ContentBuilder, HeaderBuilder, Ref, RefOr, Response, ResponseBuilder};

/// A set of codes with a common cause.
type Codes = &'static [Code];

/// Refusals of any request.
const ANY: Codes = &[Code::MalformedRequest, Code::HeadTimeout, Code::HeadTooLarge, Code::Internal];
pub(crate) const ACCESS: Codes = &[
    Code::Unauthorized,
    Code::TokenExpired,
    Code::Forbidden,
    Code::ForeignOrigin,
    Code::InvalidHeader,
    Code::TenantRequired,
    Code::UnknownTenant,
    Code::QuotaExceeded,
];
pub(crate) const QUERY: Codes = &[Code::InvalidQuery];
pub(crate) const TASK: Codes = &[Code::InvalidPath, Code::UnknownTask, Code::TaskBroken];
pub(crate) const JOB: Codes = &[Code::InvalidId, Code::UnknownJob];
pub(crate) const STORE: Codes = &[Code::Stopping, Code::StoreBusy, Code::StoreFailed];
/// Refusals of answers that may be large.
pub(crate) const ANSWER: Codes = &[Code::Overloaded];
pub(crate) const FOLLOW: Codes = &[Code::InvalidHeader, Code::Stopping, Code::Overloaded];
pub(crate) const BODY: Codes = &[
    Code::InvalidUtf8,
    Code::InvalidBody,
    Code::IncompleteBody,
    Code::BodyTimeout,
    Code::BodyTooLarge,
    Code::UnsupportedMediaType,
    Code::Overloaded,
];
pub(crate) const ADD: Codes = &[
    Code::InvalidHeader,
    Code::InvalidArgs,
    Code::QueueFull,
    Code::KeepBytesExceeded,
    Code::KeyReused,
    Code::DuplicateId,
    Code::IdsExhausted,
    Code::NextFailed,
    Code::TaskPreparing,
    Code::NextTimeout,
    Code::StoreFull,
];

/// Declares a type for the `responses` of a route: the sets of codes that the route may refuse with.
macro_rules! refusals {
    ($($name:ident [$($codes:expr),*];)*) => {
        $(
            pub(super) struct $name;

            impl utoipa::IntoResponses for $name {
                fn responses() -> std::collections::BTreeMap<String, utoipa::openapi::RefOr<utoipa::openapi::Response>> {
                    crate::refusals::responses(&[$($codes),*])
                }
            }
        )*
    };
}

pub(crate) use refusals;

/// Returns one response for each status of these codes and of the codes that may refuse any request.
pub(crate) fn responses(sets: &[Codes]) -> BTreeMap<String, RefOr<Response>> {
    let mut by_status = BTreeMap::<u16, Vec<Code>>::new();
    let may_be = |code: &&Code| ANY.contains(code) || sets.iter().any(|set| set.contains(code));
    for &code in Code::ALL.iter().filter(may_be) {
        by_status.entry(code.status()).or_default().push(code);
    }
    by_status.into_iter().map(|(status, codes)| (status.to_string(), response(&codes).into())).collect()
}

fn response(codes: &[Code]) -> Response {
    let meanings: Vec<String> = codes.iter().map(|code| format!("`{}`: {}", code.name(), code.meaning())).collect();
    let names = codes.iter().map(|code| code.name());
    let code = ObjectBuilder::new().schema_type(Type::String).enum_values(Some(names));
    let schema =
        AllOfBuilder::new().item(Ref::from_schema_name("Problem")).item(ObjectBuilder::new().property("code", code));
    let content = ContentBuilder::new().schema(Some(schema)).build();
    let mut response =
        ResponseBuilder::new().description(meanings.join("\n\n")).content("application/problem+json", content);
    if codes.iter().any(|code| code.retry_after_s().is_some()) {
        let seconds = ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(1));
        let header = HeaderBuilder::new().schema(seconds).description(Some("Seconds to wait before trying again"));
        response = response.header("Retry-After", header.build());
    }
    response.build()
}
