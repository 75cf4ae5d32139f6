//! Streams of server-sent events in the OpenAPI document: each event is an object of its fields on the wire, and its
//! data is JSON text with its own schema. OpenAPI 3.2 specifies this form; tools had agreed on it before.

use std::borrow::Cow;

use serde_json::json;
use utoipa::openapi::extensions::Extensions;
use utoipa::openapi::schema::{Object, ObjectBuilder, OneOfBuilder, Type};
use utoipa::openapi::{Ref, RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use crate::{EventGap, JobEvent, JobEventKind, LogEnd, LogLine, Pulse, Reached};

type Schemas = Vec<(String, RefOr<Schema>)>;

/// An event of a stream of jobs' events.
#[derive(Debug, Clone, Copy)]
pub struct StreamedEvent;

/// An event of a log that is followed.
#[derive(Debug, Clone, Copy)]
pub struct StreamedLine;

/// An event of the feed of a job.
#[derive(Debug, Clone, Copy)]
pub struct StreamedFeed;

/// An event of the pulse.
#[derive(Debug, Clone, Copy)]
pub struct StreamedPulse;

impl ToSchema for StreamedEvent {
    fn name() -> Cow<'static, str> {
        "StreamedEvent".into()
    }

    fn schemas(schemas: &mut Schemas) {
        collect::<JobEvent>(schemas);
        collect::<JobEventKind>(schemas);
        collect::<EventGap>(schemas);
        collect::<Reached>(schemas);
    }
}

impl PartialSchema for StreamedEvent {
    fn schema() -> RefOr<Schema> {
        let of_job = event::<JobEvent>(Ref::from_schema_name(<JobEventKind as ToSchema>::name()).into()).required("id");
        let gap = event::<EventGap>(named("gap"));
        let reached = event::<Reached>(named("reached")).required("id");
        let described = "An event of a stream of job events. Send the last `id` back to continue after it.";
        OneOfBuilder::new().item(of_job).item(gap).item(reached).description(Some(described)).into()
    }
}

impl ToSchema for StreamedLine {
    fn name() -> Cow<'static, str> {
        "StreamedLine".into()
    }

    fn schemas(schemas: &mut Schemas) {
        collect::<LogLine>(schemas);
        collect::<LogEnd>(schemas);
    }
}

impl PartialSchema for StreamedLine {
    fn schema() -> RefOr<Schema> {
        // The line that reports dropped lines has no id.
        let (line, end) = (event::<LogLine>(named("log")), event::<LogEnd>(named("end")));
        let described = "An event of a followed log. Send the last `id` back to continue after its line.";
        OneOfBuilder::new().item(line).item(end).description(Some(described)).into()
    }
}

impl ToSchema for StreamedFeed {
    fn name() -> Cow<'static, str> {
        "StreamedFeed".into()
    }

    fn schemas(schemas: &mut Schemas) {
        StreamedEvent::schemas(schemas);
        StreamedLine::schemas(schemas);
    }
}

impl PartialSchema for StreamedFeed {
    fn schema() -> RefOr<Schema> {
        let of_job = event::<JobEvent>(Ref::from_schema_name(<JobEventKind as ToSchema>::name()).into()).required("id");
        // The line that reports dropped lines has no id.
        let (line, gap) = (event::<LogLine>(named("log")), event::<EventGap>(named("gap")));
        let end = event::<LogEnd>(named("end"));
        let described = "An event of the feed of a job. Send the last `id` back to continue after it.";
        OneOfBuilder::new().item(of_job).item(line).item(gap).item(end).description(Some(described)).into()
    }
}

impl ToSchema for StreamedPulse {
    fn name() -> Cow<'static, str> {
        "StreamedPulse".into()
    }

    fn schemas(schemas: &mut Schemas) {
        collect::<Pulse>(schemas);
    }
}

impl PartialSchema for StreamedPulse {
    fn schema() -> RefOr<Schema> {
        event::<Pulse>(named("pulse")).description(Some("An event of the pulse.")).into()
    }
}

/// Returns the schema of an event whose data is a `D`.
fn event<D: ToSchema>(name: RefOr<Schema>) -> ObjectBuilder {
    let reference = json!({ "$ref": Ref::from_schema_name(D::name()).ref_location });
    let data = ObjectBuilder::new()
        .schema_type(Type::String)
        .content_media_type("application/json")
        .extensions(Some(Extensions::from_iter([("contentSchema", reference)])));
    let id = Object::with_type(Type::String);
    ObjectBuilder::new()
        .property("event", name)
        .property("id", id)
        .property("data", data)
        .required("event")
        .required("data")
}

fn named(name: &str) -> RefOr<Schema> {
    ObjectBuilder::new().schema_type(Type::String).enum_values(Some([name])).into()
}

fn collect<T: ToSchema>(schemas: &mut Schemas) {
    schemas.push((T::name().into_owned(), T::schema()));
    T::schemas(schemas);
}
