//! Adding one job or many.

use std::convert::Infallible;
use std::sync::Arc;

use axum::extract::{FromRequestParts, State};
use axum::response::{IntoResponse, Response};
use http::header::LOCATION;
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use saggar_queue::{AddOptions, Added, KEY_RULE, MAX_KEY, NewJob, OptionsError, Unique, UniqueScope, is_key};
use saggar_wire::{self as wire, AddAgain, AddBatch, AddJob, AddedJob, AddedJobs, BatchJob, Code, MAX_BATCH};
use serde_json::value::RawValue;
use tokio::sync::Semaphore;

use super::job;
use crate::access::{Allowed, Write};
use crate::address::{JobAddress, TaskAddress};
use crate::answer::{Answer, Answered};
use crate::audit::{Action, Started};
use crate::body::{Form, JsonBody};
use crate::headers::AddHeaders;
use crate::parameters::{None as NoParameters, Parameters};
use crate::place;
use crate::problem::Refusal;
use crate::refusals::{ACCESS, ADD, BODY, JOB, QUERY, STORE, TASK, refusals};
use crate::service::Service;

/// The most values that are replaced in the arguments of a job, each of which takes some milliseconds in the largest arguments.
const MAX_REPLACED: usize = 16;

/// The most bytes of a pointer that a refusal repeats.
const MAX_PATH: usize = 200;

/// Maximum bytes of a job's arguments.
const MAX_ARGS: usize = 4 << 20;

impl Form for AddJob {
    /// The maximum of the arguments, and space for the rest of the object.
    const MAX_BYTES: usize = MAX_ARGS + (64 << 10);
}

impl Form for AddAgain {
    /// The maximum of the arguments, and space for the rest of the object.
    const MAX_BYTES: usize = MAX_ARGS + (64 << 10);
}

impl Form for AddBatch {
    const MAX_BYTES: usize = 16 << 20;
}

refusals! {
    AddRefusals [ACCESS, QUERY, TASK, STORE, BODY, ADD];
    AddAgainRefusals [ACCESS, QUERY, TASK, JOB, STORE, BODY, ADD];
}

/// Adds a job. It is stored when its id is returned. The answer is 201 for a new job, and 200 for an existing one with
/// the same key or the same unique scope.
#[utoipa::path(
    post, path = "/v1/tasks/{task}/jobs", tag = "jobs",
    params(TaskAddress, AddHeaders),
    request_body = AddJob,
    responses((status = 201, description = "The job was added", body = AddedJob, headers(("Location" = String, description = "The job's path"))),
        (status = 200, description = "It existed already", body = AddedJob, headers(("Location" = String, description = "The job's path"))), AddRefusals)
)]
pub(super) async fn add_job(
    State(service): State<Service>,
    access: Allowed<Write>,
    TaskAddress(task): TaskAddress,
    _: Parameters<NoParameters>,
    headers: JobHeaders,
    body: JsonBody<AddJob>,
) -> Result<Response, Refusal> {
    let JsonBody { value, mut room } = body;
    let AddJob { args, delay_ms, run_at, priority, unique } = value;
    let job = BatchJob { args, delay_ms, run_at, priority, unique, key: headers.key? };
    let job = new_job(service.large_fingerprints(), job, headers.trace_parent.as_ref()).await?;
    room.shrink_to(job.args.len());
    let answer = add_one(&service, &access, &task, job).await;
    drop(room);
    answer
}

/// Adds a job with the arguments of another one, as they were written but for what `replace` says. The two have nothing else in
/// common but the priority: a key, a unique scope and a delay are given anew.
#[utoipa::path(
    post, path = "/v1/tasks/{task}/jobs/{id}/again", tag = "jobs",
    params(JobAddress, AddHeaders),
    request_body = AddAgain,
    responses((status = 201, description = "The job was added", body = AddedJob, headers(("Location" = String, description = "The job's path"))),
        (status = 200, description = "It existed already", body = AddedJob, headers(("Location" = String, description = "The job's path"))), AddAgainRefusals)
)]
pub(super) async fn add_again(
    State(service): State<Service>,
    access: Allowed<Write>,
    JobAddress { task, id }: JobAddress,
    _: Parameters<NoParameters>,
    headers: JobHeaders,
    body: JsonBody<AddAgain>,
) -> Result<Response, Refusal> {
    let JsonBody { value: AddAgain { replace, delay_ms, priority }, room } = body;
    let queue = access.jobs.queue(&task)?;
    let (known, of_job) = job::look_up(&service, &access, &queue, id).await?;
    let args = replaced(&known.job.args, &replace)?;
    let args = RawValue::from_string(args).map_err(|error| Refusal::internal(&error.to_string()))?;
    let priority = priority.or(Some(known.job.priority));
    let job = BatchJob { args: Some(args), delay_ms, run_at: None, priority, unique: None, key: headers.key? };
    let job = new_job(service.large_fingerprints(), job, headers.trace_parent.as_ref()).await?;
    let answer = add_one(&service, &access, &task, job).await;
    drop((room, of_job));
    answer
}

/// Returns arguments with other values.
fn replaced(args: &str, replace: &[wire::ReplacedValue]) -> Result<String, Refusal> {
    if replace.len() > MAX_REPLACED {
        return Err(Refusal::new(Code::InvalidBody, format!("`replace` has more than {MAX_REPLACED} values")));
    }
    let mut replaced = args.to_owned();
    for wire::ReplacedValue { path, value } in replace {
        let nowhere = || {
            // It may be as long as a body.
            let path = &path[..path.floor_char_boundary(MAX_PATH)];
            Refusal::new(Code::InvalidArgs, format!("`replace`: the arguments have no value at `{path}`"))
        };
        replaced = saggar_json::with_value(&replaced, path, value.get()).ok_or_else(nowhere)?;
        // Each value is within the limit, but all together may not be.
        if replaced.len() > MAX_ARGS {
            return Err(too_long(replaced.len()));
        }
    }
    Ok(replaced)
}

/// Adds one job, and answers which one it is.
async fn add_one(service: &Service, access: &Allowed<Write>, task: &str, job: NewJob) -> Result<Response, Refusal> {
    let started = service.audit().begin(&access.caller, Action::AddJobs, Some(task), None);
    let added = access.jobs.add(task, vec![job]).await.map_err(without_index);
    end(started, &added);
    let added = added?;
    let added = added.first().ok_or_else(|| Refusal::internal("adding a job returned no id"))?;
    let mut response = Answer(status(added.is_new), AddedJob { id: added.id.0, new: added.is_new }).into_response();
    // The task's id is from a path, so it is valid in a path.
    if let Ok(location) = HeaderValue::from_str(&format!("/v1/tasks/{task}/jobs/{}", added.id)) {
        response.headers_mut().insert(LOCATION, location);
    }
    Ok(response)
}

/// Adds many jobs, all or none. The answer is 201 if any of them is new, and 200 otherwise. With an `Idempotency-Key`,
/// job number N (from 0) without its own key gets the key `KEY/N`.
#[utoipa::path(
    post, path = "/v1/tasks/{task}/jobs/batch", tag = "jobs",
    params(TaskAddress, AddHeaders),
    request_body = AddBatch,
    responses((status = 201, description = "The jobs were added", body = AddedJobs),
        (status = 200, description = "All existed already", body = AddedJobs), AddRefusals)
)]
pub(super) async fn add_batch(
    State(service): State<Service>,
    access: Allowed<Write>,
    TaskAddress(task): TaskAddress,
    _: Parameters<NoParameters>,
    headers: JobHeaders,
    body: JsonBody<AddBatch>,
) -> Answered<AddedJobs> {
    let JsonBody { value: AddBatch { jobs }, mut room } = body;
    if jobs.is_empty() {
        return Err(Refusal::new(Code::InvalidBody, "a batch has at least one job"));
    }
    if jobs.len() > MAX_BATCH {
        let detail =
            format!("a batch has at most {MAX_BATCH} jobs; this one has more (job {MAX_BATCH} is one too many)");
        return Err(Refusal::new(Code::BodyTooLarge, detail));
    }
    let JobHeaders { key, trace_parent } = headers;
    let key = key?;
    let in_batch =
        |number: usize, refusal: Refusal| Refusal::new(refusal.code, place::in_batch(number, &refusal.detail));
    let mut new = Vec::with_capacity(jobs.len());
    for (number, mut job) in jobs.into_iter().enumerate() {
        match (&job.key, &key) {
            (Some(own), _) if !is_key(own) => {
                return Err(in_batch(number, Refusal::new(Code::InvalidBody, format!("`key`: {KEY_RULE}"))));
            }
            (None, Some(key)) => job.key = Some(numbered(key, number)?),
            _ => {}
        }
        let job = new_job(service.large_fingerprints(), job, trace_parent.as_ref()).await;
        new.push(job.map_err(|refusal| in_batch(number, refusal))?);
    }
    room.shrink_to(new.iter().map(|job| job.args.len()).sum());
    let started = service.audit().begin(&access.caller, Action::AddJobs, Some(&task), None).of(new.len());
    let added = access.jobs.add(&task, new).await.map_err(|refusal| match (refusal.job, refusal.code) {
        (Some(number), Code::InvalidArgs) => {
            in_batch(number, Refusal::new(refusal.code, format!("`args`: {}", refusal.detail)))
        }
        (Some(number), _) => in_batch(number, refusal),
        (None, _) => refusal,
    });
    end(started, &added);
    let added = added?;
    drop(room);
    let (ids, new): (Vec<u64>, Vec<bool>) = added.iter().map(|added| (added.id.0, added.is_new)).unzip();
    Ok(Answer(status(new.contains(&true)), AddedJobs { ids, new }))
}

/// Records the new jobs in the audit. Jobs that existed already changed nothing.
fn end(started: Started, added: &Result<Vec<Added>, Refusal>) {
    let new = added.as_ref().map_or(0, |added| added.iter().filter(|added| added.is_new).count());
    match added {
        Ok(_) if new == 0 => started.forget(),
        Ok(_) => started.of(new).end(StatusCode::CREATED.as_u16(), added),
        Err(_) => started.end(0, added),
    }
}

/// Removes the number of the job from a refusal, because the request has only one job.
fn without_index(refusal: Refusal) -> Refusal {
    let detail = refusal.detail.strip_prefix("job 0: ").map(str::to_owned);
    Refusal { detail: detail.unwrap_or(refusal.detail), ..refusal }
}

fn status(is_new: bool) -> StatusCode {
    if is_new { StatusCode::CREATED } else { StatusCode::OK }
}

fn too_long(bytes: usize) -> Refusal {
    let detail = format!("`args`: the arguments of a job have at most {MAX_ARGS} bytes; these have {bytes}");
    Refusal::new(Code::InvalidArgs, detail)
}

async fn new_job(turns: &Arc<Semaphore>, job: BatchJob, trace_parent: Option<&Arc<str>>) -> Result<NewJob, Refusal> {
    let args = job.args.as_deref().map_or("[]", RawValue::get);
    // Also checked when the job is added, but before that, computing its fingerprint takes a multiple of these bytes.
    if args.len() > MAX_ARGS {
        return Err(too_long(args.len()));
    }
    let args = Arc::<str>::from(args);
    let BatchJob { delay_ms, run_at, priority, unique, key, .. } = job;
    let options = AddOptions { key, unique: unique.map(domain_unique), priority, delay_ms, run_at };
    let job = options.job(args, turns).await.map_err(|error| match error {
        OptionsError::Invalid(why) => Refusal::new(Code::InvalidBody, why),
        OptionsError::Internal(_) => Refusal::internal(&error.to_string()),
    })?;
    Ok(NewJob { trace_parent: trace_parent.cloned(), ..job })
}

fn domain_unique(wire::Unique { by, positions }: wire::Unique) -> Unique {
    let by = match by {
        wire::UniqueScope::Task => UniqueScope::Task,
        wire::UniqueScope::Args => UniqueScope::Args,
    };
    Unique { by, positions }
}

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
const TRACE_PARENT: HeaderName = HeaderName::from_static("traceparent");

/// The headers of a request that adds jobs.
pub(super) struct JobHeaders {
    /// An invalid key is refused after the body was read, like everything else that is wrong with the jobs.
    key: Result<Option<String>, Refusal>,
    trace_parent: Option<Arc<str>>,
}

impl<S: Sync> FromRequestParts<S> for JobHeaders {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let headers = &parts.headers;
        let key = header_key(headers).map(|key| key.map(str::to_owned));
        Ok(Self { key, trace_parent: trace_parent(headers) })
    }
}

fn header_key(headers: &HeaderMap) -> Result<Option<&str>, Refusal> {
    let mut all = headers.get_all(IDEMPOTENCY_KEY).iter();
    let Some(first) = all.next() else { return Ok(None) };
    let key = first.to_str().ok().filter(|key| is_key(key) && all.next().is_none());
    let wrong = || Refusal::new(Code::InvalidHeader, format!("only one `Idempotency-Key` is allowed, and {KEY_RULE}"));
    key.map(Some).ok_or_else(wrong)
}

/// Returns the key of a job of a batch without its own key. It is a valid key, which a client can also give explicitly.
fn numbered(key: &str, number: usize) -> Result<String, Refusal> {
    let numbered = format!("{key}/{number}");
    if is_key(&numbered) {
        return Ok(numbered);
    }
    let detail =
        format!("`Idempotency-Key` with `/{number}` after it, for job {number}, has more than {MAX_KEY} characters");
    Err(Refusal::new(Code::InvalidHeader, detail))
}

/// Returns the header `traceparent` if it is valid. The specification requires ignoring invalid ones, and using the
/// known part of later versions.
fn trace_parent(headers: &HeaderMap) -> Option<Arc<str>> {
    let mut all = headers.get_all(TRACE_PARENT).iter();
    let (text, None) = (all.next()?.to_str().ok()?, all.next()) else { return None };
    let is_hex = |part: &str| part.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    let is_zero = |part: &str| part.bytes().all(|byte| byte == b'0');
    let parts: Vec<&str> = text.splitn(5, '-').collect();
    let [version, trace, span, flags, ref more @ ..] = parts[..] else { return None };
    if version == "00" && !more.is_empty() {
        return None;
    }
    let lengths = [version.len(), trace.len(), span.len(), flags.len()];
    let is_valid = lengths == [2, 32, 16, 2] && parts[..4].iter().all(|part| is_hex(part)) && version != "ff";
    (is_valid && !is_zero(trace) && !is_zero(span)).then(|| format!("00-{trace}-{span}-{flags}").into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(name: &'static str, value: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(http::HeaderName::from_static(name), HeaderValue::from_static(value))])
    }

    #[test]
    fn only_a_valid_trace_context_is_used() {
        let good = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        assert_eq!(trace_parent(&of("traceparent", good)).as_deref(), Some(good));
        let later = "01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-what-is-to-come";
        assert_eq!(trace_parent(&of("traceparent", later)).as_deref(), Some(good));
        assert_eq!(trace_parent(&of("traceparent", &later[..55])).as_deref(), Some(good));
        let mut two = of("traceparent", good);
        two.append("traceparent", HeaderValue::from_static(good));
        assert_eq!(trace_parent(&two), None);
        for bad in [
            "",
            "00",
            "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
            "00-00000000000000000000000000000000-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more",
            "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        ] {
            assert_eq!(trace_parent(&of("traceparent", bad)), None, "{bad}");
        }
    }

    #[test]
    fn the_length_of_a_key_is_limited() {
        assert_eq!(header_key(&HeaderMap::new()), Ok(None));
        assert_eq!(header_key(&of("idempotency-key", "a")), Ok(Some("a")));
        assert!(header_key(&of("idempotency-key", "")).is_err());
        assert_eq!(numbered("a", 7).as_deref(), Ok("a/7"));
        assert!(numbered(&"~".repeat(253), 9).is_ok());
        assert_eq!(numbered(&"~".repeat(253), 10).map_err(|refusal| refusal.code), Err(Code::InvalidHeader));
    }

    #[test]
    fn an_array_is_not_accepted_as_an_object() {
        let of = |text| serde_json::from_str::<saggar_wire::Object<AddBatch>>(text).map_err(|error| error.to_string());
        assert!(of(r#"{"jobs":[{"args":[1],"unique":{"by":"args","positions":[0]}},{"unique":null}]}"#).is_ok());
        for bad in [r#"[[{}]]"#, r#"{"jobs":[[]]}"#, r#"{"jobs":[{"unique":["task"]}]}"#] {
            assert!(of(bad).is_err_and(|error| error.contains("expected an object")), "{bad}");
        }
    }

    #[tokio::test]
    async fn arguments_are_stored_verbatim() {
        let text = r#"{"args":[ 1.50, {"b":1,"a":"\u00e9"} ],"priority":-3}"#;
        let AddJob { args, priority, .. } = serde_json::from_str(text).unwrap();
        let job = BatchJob { args, priority, delay_ms: None, run_at: None, unique: None, key: None };
        let job = new_job(&Arc::new(Semaphore::new(1)), job, None).await.unwrap();
        assert_eq!((&*job.args, job.priority), (r#"[ 1.50, {"b":1,"a":"\u00e9"} ]"#, -3));
    }

    #[test]
    fn arguments_of_any_depth_are_parsed_without_stack_overflow() {
        let deep = format!("{{\"args\":{}{}}}", "[".repeat(1_000_000), "]".repeat(1_000_000));
        assert!(serde_json::from_str::<AddJob>(&deep).is_ok_and(|job| job.args.is_some()));
        assert!(serde_json::from_str::<AddJob>(&"[".repeat(1_000_000)).is_err());
        assert!(serde_json::from_str::<AddJob>(&"{\"args\":".repeat(100_000)).is_err());
    }
}
