//! Changes of all jobs that meet some conditions: requests in steps, and a preview.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::openapi::schema::OneOfBuilder;
use utoipa::openapi::{Ref, RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use crate::{JobFilter, ListedJob, object};

/// A change of all jobs that meet some conditions, or a step of one.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BulkChange {
    /// Which jobs are changed. `{}` means all jobs of the tenant, so it must not be missing.
    #[serde(default, deserialize_with = "object::maybe")]
    #[schema(required = true, value_type = JobFilter)]
    pub r#where: Option<JobFilter>,
    /// Whether to change nothing, and to answer what would be changed.
    #[serde(default)]
    pub dry_run: bool,
    /// The `until` of the preview or of the step before: jobs that were added later are left alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(pattern = "^c(0|[1-9a-f][0-9a-f]{0,15})$")]
    pub until: Option<String>,
    /// The `next` of the step before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(pattern = "^c(0|[1-9a-f][0-9a-f]{0,15})$")]
    pub after: Option<String>,
    /// At most this many jobs; 1,000 by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 1000)]
    pub limit: Option<usize>,
}

/// What a change of all jobs that meet some conditions would do.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct BulkPreview {
    /// Jobs that match.
    pub matches: u64,
    /// Whether all jobs were looked at; at most 100,000 are.
    pub exact: bool,
    /// How many jobs were looked at.
    pub looked_at: u64,
    /// Jobs whose status allows the change. A pending callback or another unique job may still prevent it.
    pub can: u64,
    /// The others, by the code of their refusal.
    pub cannot: BTreeMap<String, u64>,
    /// Jobs that match, by task.
    pub tasks: BTreeMap<String, u64>,
    /// When the first of them was added; null if there are none.
    #[schema(format = DateTime)]
    pub first_added_at: Option<String>,
    /// When the last of them was added.
    #[schema(format = DateTime)]
    pub last_added_at: Option<String>,
    /// The first five of them.
    pub sample: Vec<ListedJob>,
    /// The position of the last job of the tenant. Pass it on, so that jobs which are added from now on are left alone.
    pub until: String,
}

/// What a step of a change of all jobs that meet some conditions has done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BulkChanged {
    /// Jobs that were changed.
    pub changed: u64,
    /// Jobs that match and were not changed, by the code of their refusal.
    pub skipped: BTreeMap<String, u64>,
    /// How many jobs were looked at.
    pub looked_at: u64,
    /// Pass it on with the next step.
    pub until: String,
    /// The `after` of the next step; null if there is no more to do.
    pub next: Option<String>,
    /// The code of the problem because of which the step ended early, such as `store-full`; null if none did.
    pub stopped_by: Option<String>,
}

/// The answer to a [`BulkChange`]: a preview or a step.
#[derive(Debug, Clone, Copy)]
pub struct BulkAnswer;

impl ToSchema for BulkAnswer {
    fn name() -> Cow<'static, str> {
        "BulkAnswer".into()
    }

    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        schemas.push((BulkPreview::name().into_owned(), BulkPreview::schema()));
        BulkPreview::schemas(schemas);
        schemas.push((BulkChanged::name().into_owned(), BulkChanged::schema()));
        BulkChanged::schemas(schemas);
    }
}

impl PartialSchema for BulkAnswer {
    fn schema() -> RefOr<Schema> {
        let of = |name: Cow<'static, str>| Ref::from_schema_name(name);
        OneOfBuilder::new()
            .item(of(BulkPreview::name()))
            .item(of(BulkChanged::name()))
            .description(Some("A preview if the request is a dry run, otherwise what was done."))
            .into()
    }
}
