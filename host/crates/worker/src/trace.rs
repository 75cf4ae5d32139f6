//! Traces: a span for the addition of each job and for each attempt, in the W3C trace context that the job was added
//! with. A job stores the span of its addition, so all its attempts are children of it, also after a restart; the guest
//! gets the context of its attempt's span, so what it calls is below that.
//!
//! Whether a trace is recorded is decided once, when a job is added: by the caller or, in a trace that begins here, by
//! the tracer's sampler. Without a tracer, and for jobs that are not recorded, nothing is created or allocated.

use std::sync::Arc;

use opentelemetry::global::{BoxedSpan, BoxedTracer};
use opentelemetry::trace::{
    Span, SpanContext, SpanId, SpanKind, Status, TraceContextExt, TraceFlags, TraceId, TraceState, Tracer,
};
use opentelemetry::{Context, KeyValue};
use saggar_job::{Ending, Outcome, TaskKey};
use saggar_queue::{Added, Claim, NewJob};

use crate::error::AddError;

/// Makes spans, if there is a tracer.
pub(crate) struct Traces(Option<Arc<BoxedTracer>>);

/// The spans of one addition: one for each job.
pub(crate) struct Adding(Vec<BoxedSpan>);

/// The span of an attempt. Dropped without an outcome, it records that the job was requeued.
pub(crate) struct AttemptSpan {
    span: BoxedSpan,
    trace_parent: Arc<str>,
    ending: Ending,
}

impl Traces {
    pub(crate) fn new(tracer: Option<Arc<BoxedTracer>>) -> Self {
        Self(tracer)
    }

    /// Starts the span of each job to add. If it is recorded, it replaces the trace context that the job came with.
    pub(crate) fn adding(&self, task: &TaskKey, jobs: &mut [NewJob]) -> Adding {
        let Some(tracer) = self.0.as_deref() else { return Adding(Vec::new()) };
        let begin = |job: &mut NewJob| {
            let builder = tracer.span_builder(format!("add {}", task.task)).with_kind(SpanKind::Producer);
            let parent = context(job.trace_parent.as_deref());
            let span = builder.with_attributes(task_attributes(task)).start_with_context(tracer, &parent);
            if span.is_recording() {
                job.trace_parent = Some(trace_parent(span.span_context()).into());
            }
            span
        };
        Adding(jobs.iter_mut().map(begin).collect())
    }

    /// Starts the span of an attempt, if its job is recorded.
    pub(crate) fn attempt(&self, claim: &Claim) -> Option<AttemptSpan> {
        let tracer = self.0.as_deref()?;
        let parent = parse(claim.trace_parent()?).filter(SpanContext::is_sampled)?;
        let (key, running) = (claim.queue().key(), claim.running());
        let task = &key.task;
        let of_attempt = [
            KeyValue::new("saggar.job.id", running.id().0.to_string()),
            KeyValue::new("saggar.attempt", i64::from(running.attempt())),
        ];
        let attributes = task_attributes(key).chain(of_attempt);
        let builder = tracer.span_builder(format!("attempt {task}")).with_kind(SpanKind::Consumer);
        let parent = Context::new().with_remote_span_context(parent);
        let span = builder.with_attributes(attributes).start_with_context(tracer, &parent);
        let trace_parent = trace_parent(span.span_context()).into();
        Some(AttemptSpan { span, trace_parent, ending: Ending::Requeued })
    }
}

/// Returns the attributes of spans of a task. A host with one app does not name its tenant.
fn task_attributes(key: &TaskKey) -> impl Iterator<Item = KeyValue> + use<> {
    let tenant =
        (*key.tenant != *TaskKey::DEFAULT_TENANT).then(|| KeyValue::new("saggar.tenant", key.tenant.to_string()));
    [KeyValue::new("saggar.task", key.task.to_string())].into_iter().chain(tenant)
}

impl Adding {
    /// Ends the spans with the result of the addition.
    pub(crate) fn end(self, added: &Result<Vec<Added>, AddError>) {
        for (at, mut span) in self.0.into_iter().enumerate() {
            match added.as_ref().map(|added| added.get(at)) {
                Ok(Some(added)) => {
                    span.set_attribute(KeyValue::new("saggar.job.id", added.id.0.to_string()));
                    span.set_attribute(KeyValue::new("saggar.job.new", added.is_new));
                }
                Ok(None) => {}
                Err(error) => fail(&mut span, error.code(), error.to_string()),
            }
            span.end();
        }
    }
}

impl AttemptSpan {
    /// Returns the trace context that names this span.
    pub(crate) fn trace_parent(&self) -> &Arc<str> {
        &self.trace_parent
    }

    /// Ends the span. Without an outcome, the attempt did not start.
    pub(crate) fn end(mut self, outcome: Option<&Outcome>) {
        let Some(outcome) = outcome else { return };
        self.ending = outcome.ending();
        match outcome.problem() {
            Some(problem) => fail(&mut self.span, &problem.code, problem.message.clone()),
            None if self.ending != Ending::Success => fail(&mut self.span, self.ending.name(), String::new()),
            None => {}
        }
    }
}

impl Drop for AttemptSpan {
    fn drop(&mut self) {
        self.span.set_attribute(KeyValue::new("saggar.outcome", self.ending.name()));
        self.span.end();
    }
}

fn fail(span: &mut BoxedSpan, code: &str, message: String) {
    span.set_attribute(KeyValue::new("error.type", code.to_owned()));
    span.set_status(Status::error(message));
}

/// Returns the trace id of a job, for the host's log.
pub(crate) fn trace_id(trace_parent: Option<&Arc<str>>) -> Option<&str> {
    trace_parent?.split('-').nth(1)
}

fn context(trace_parent: Option<&str>) -> Context {
    match trace_parent.and_then(parse) {
        Some(parent) => Context::new().with_remote_span_context(parent),
        None => Context::new(),
    }
}

/// Parses the header `traceparent` of any version, because later ones begin like this one.
fn parse(text: &str) -> Option<SpanContext> {
    let mut parts = text.split('-').skip(1);
    let (trace, span, flags) = (parts.next()?, parts.next()?, parts.next()?);
    let flags = TraceFlags::new(u8::from_str_radix(flags, 16).ok()?);
    let (trace, span) = (TraceId::from_hex(trace).ok()?, SpanId::from_hex(span).ok()?);
    let context = SpanContext::new(trace, span, flags, true, TraceState::default());
    context.is_valid().then_some(context)
}

fn trace_parent(context: &SpanContext) -> String {
    format!("00-{}-{}-{:02x}", context.trace_id(), context.span_id(), context.trace_flags().to_u8())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trace_parent_is_parsed_and_formatted_alike() {
        let text = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        let context = parse(text).unwrap();
        assert!(context.is_sampled() && context.is_remote());
        assert_eq!(trace_parent(&context), text);
        assert_eq!(trace_id(Some(&text.into())), Some("4bf92f3577b34da6a3ce929d0e0e4736"));
        for bad in ["", "00", "00-x-y-01", "00-00000000000000000000000000000000-00f067aa0ba902b7-01", "no trace at all"]
        {
            assert!(parse(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn without_a_tracer_jobs_keep_the_context_that_they_came_with() {
        let mut jobs = [NewJob { trace_parent: Some("any".into()), ..NewJob::new("[]") }];
        let adding = Traces::new(None).adding(&TaskKey::new(TaskKey::DEFAULT_TENANT, "echo"), &mut jobs);
        assert_eq!(adding.0.capacity(), 0);
        assert_eq!(jobs[0].trace_parent.as_deref(), Some("any"));
    }
}
