//! What routes may be refused for, for the OpenAPI document: a response for each status, with the codes that it may have.

use std::collections::BTreeMap;

use saggar_wire::Code;
use utoipa::IntoResponses;
use utoipa::openapi::schema::{AllOfBuilder, ObjectBuilder, Type};
use utoipa::openapi::{ContentBuilder, HeaderBuilder, Ref, RefOr, Response, ResponseBuilder};

/// Codes that have one cause.
type Codes = &'static [Code];

/// Of any request at all.
const ANY: Codes = &[Code::MalformedRequest, Code::HeadTimeout, Code::HeadTooLarge, Code::Internal];
const ACCESS: Codes = &[Code::Unauthorized, Code::Forbidden, Code::ForeignOrigin];
const QUERY: Codes = &[Code::InvalidQuery];
const TASK: Codes = &[Code::InvalidPath, Code::UnknownTask, Code::TaskBroken];
const JOB: Codes = &[Code::InvalidId, Code::UnknownJob];
const STORE: Codes = &[Code::Stopping, Code::StoreBusy, Code::StoreFailed];
/// Of answers that may be large.
const ANSWER: Codes = &[Code::Overloaded];
const FOLLOW: Codes = &[Code::InvalidHeader, Code::Stopping, Code::Overloaded];
const BODY: Codes = &[
    Code::InvalidUtf8,
    Code::InvalidBody,
    Code::IncompleteBody,
    Code::BodyTimeout,
    Code::BodyTooLarge,
    Code::UnsupportedMediaType,
    Code::Overloaded,
];
const ADD: Codes = &[
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

/// Makes a type for the `responses` of each kind of routes.
macro_rules! refusals {
    ($($name:ident [$($codes:expr),*];)*) => {
        $(
            pub(super) struct $name;

            impl IntoResponses for $name {
                fn responses() -> BTreeMap<String, RefOr<Response>> {
                    responses(&[ANY, $($codes),*])
                }
            }
        )*
    };
}

refusals! {
    LookAtHost [];
    LookAtReadiness [STORE, &[Code::StoreFull]];
    LookAtDocument [ANSWER];
    LookAtMetrics [ACCESS, ANSWER, &[Code::UnknownRoute]];
    LookAtTasks [ACCESS, QUERY, ANSWER];
    LookAtTask [ACCESS, QUERY, TASK, ANSWER, &[Code::Stopping]];
    AdminTask [ACCESS, QUERY, TASK, STORE, &[Code::StoreFull]];
    ListJobs [ACCESS, QUERY, STORE, ANSWER];
    ListJobsOfTask [ACCESS, QUERY, TASK, STORE, ANSWER];
    LookAtJob [ACCESS, QUERY, TASK, JOB, STORE, ANSWER];
    FollowJobs [ACCESS, QUERY, FOLLOW, &[Code::UnknownTask, Code::TaskBroken]];
    FollowJob [ACCESS, QUERY, TASK, JOB, STORE, FOLLOW];
    CancelJob [ACCESS, QUERY, TASK, JOB, STORE, &[Code::StoreFull, Code::Ended]];
    RetryJob [ACCESS, QUERY, TASK, JOB, STORE, &[Code::StoreFull, Code::NotEnded, Code::CallbackPending, Code::NotUnique]];
    RedeliverJob [ACCESS, QUERY, TASK, JOB, STORE, &[Code::StoreFull, Code::NotEnded, Code::CallbackPending, Code::NotGivenUp]];
    DeleteJob [ACCESS, QUERY, TASK, JOB, STORE, &[Code::StoreFull, Code::Running]];
    AddJobs [ACCESS, QUERY, TASK, STORE, BODY, ADD];
}

fn responses(sets: &[Codes]) -> BTreeMap<String, RefOr<Response>> {
    let mut by_status = BTreeMap::<u16, Vec<Code>>::new();
    for &code in Code::ALL.iter().filter(|code| sets.iter().any(|set| set.contains(code))) {
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
        let header = HeaderBuilder::new().schema(seconds).description(Some("Seconds after which to try again"));
        response = response.header("Retry-After", header.build());
    }
    response.build()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_but_that_of_no_route_stands_with_a_route() {
        let all = serde_json::to_string(&crate::routes::all().into_openapi()).unwrap();
        let missing = |code: &&Code| !all.contains(&format!("\"{}\"", code.name()));
        let missing: Vec<_> = Code::ALL.iter().filter(missing).collect();
        assert_eq!(missing, [&Code::MethodNotAllowed]);
    }
}
