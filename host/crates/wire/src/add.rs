//! Adding jobs: the requests and their answers.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::openapi::schema::{
    AdditionalProperties, ArrayBuilder, KnownFormat, ObjectBuilder, OneOfBuilder, SchemaFormat, SchemaType, Type,
};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use crate::object;

/// Maximum jobs of a batch; committing this many takes a fraction of a second.
pub const MAX_BATCH: usize = 10_000;

/// A job to add.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AddJob {
    /// The arguments: a JSON array, each item one argument; at most 4 MiB. Stored as they are written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Vec<serde_json::Value>>)]
    pub args: Option<Box<RawValue>>,
    /// No attempt begins before this many milliseconds have passed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(maximum = 18_446_744_073_709_551_615_u64)]
    pub delay_ms: Option<u64>,
    /// No attempt begins before this time (RFC 3339).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    pub run_at: Option<String>,
    /// Ready jobs of higher priority are claimed first; 0 is ordinary.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = -32_768, maximum = 32_767)]
    pub priority: Option<i16>,
    /// While another job of the task that is equal in this respect waits or runs, that job is returned and none is added.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "object::maybe")]
    pub unique: Option<Unique>,
}

/// A job to add with the arguments of another one.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AddAgain {
    /// What is different in its arguments, one after the other; at most 16 values.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(max_items = 16)]
    pub replace: Vec<ReplacedValue>,
    /// No attempt begins before this many milliseconds have passed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(maximum = 18_446_744_073_709_551_615_u64)]
    pub delay_ms: Option<u64>,
    /// Its priority; that of the other job by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = -32_768, maximum = 32_767)]
    pub priority: Option<i16>,
}

/// A value in the arguments of a job that is replaced by another one.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReplacedValue {
    /// Where it is: a JSON pointer such as `/0/user/id`.
    pub path: String,
    /// The value to put there.
    #[schema(value_type = serde_json::Value)]
    pub value: Box<RawValue>,
}

/// A job of a batch.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BatchJob {
    /// As for one job.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Vec<serde_json::Value>>)]
    pub args: Option<Box<RawValue>>,
    /// As for one job.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(maximum = 18_446_744_073_709_551_615_u64)]
    pub delay_ms: Option<u64>,
    /// As for one job.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    pub run_at: Option<String>,
    /// As for one job.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = -32_768, maximum = 32_767)]
    pub priority: Option<i16>,
    /// As for one job.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "object::maybe")]
    pub unique: Option<Unique>,
    /// What `Idempotency-Key` is for one job.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(pattern = "^[!-~]([ -~]{0,253}[!-~])?$")]
    pub key: Option<String>,
}

/// What makes a job unique within its task: the task itself, its arguments, or the arguments at some positions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Unique {
    /// The scope of uniqueness.
    pub by: UniqueScope,
    /// With `args`: only the arguments at these positions, from 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub positions: Option<Vec<u32>>,
}

impl ToSchema for Unique {}

/// `positions` is allowed only with `args`, which a derived schema cannot express.
impl PartialSchema for Unique {
    fn schema() -> RefOr<Schema> {
        let by = |scope: &str, description: &str| {
            let scope = ObjectBuilder::new().schema_type(Type::String).enum_values(Some([scope]));
            let unique = ObjectBuilder::new().property("by", scope).required("by").description(Some(description));
            unique.additional_properties(Some(AdditionalProperties::<Schema>::FreeForm(false)))
        };
        let position = ObjectBuilder::new()
            .schema_type(Type::Integer)
            .format(Some(SchemaFormat::KnownFormat(KnownFormat::UInt32)))
            .minimum(Some(0))
            .maximum(Some(u32::MAX));
        // Absent or null, like every optional member of a body.
        let positions = ArrayBuilder::new()
            .schema_type(SchemaType::from_iter([Type::Array, Type::Null]))
            .items(position)
            .min_items(Some(1))
            .max_items(Some(100))
            .unique_items(true)
            .description(Some("Only the arguments at these positions, from 0"));
        OneOfBuilder::new()
            .item(by("task", "One job of the task at a time"))
            .item(by("args", "One job with the same arguments at a time").property("positions", positions))
            .description(Some("What makes a job unique within its task"))
            .into()
    }
}

/// The scope of a unique job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum UniqueScope {
    /// One job of the task at a time.
    Task,
    /// One job with the same arguments at a time.
    Args,
}

/// Jobs to add, all or none.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AddBatch {
    /// The jobs; at most 10,000.
    #[serde(deserialize_with = "object::many::<MAX_BATCH, _, _>")]
    #[schema(min_items = 1, max_items = 10_000)]
    pub jobs: Vec<BatchJob>,
}

/// The job that was added, or the existing one that is returned instead.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AddedJob {
    /// Its id.
    #[schema(minimum = 1)]
    pub id: u64,
    /// Whether it was added now; otherwise it existed, with the same key or as the unique job.
    pub new: bool,
}

/// The jobs of a batch, in its order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AddedJobs {
    /// Their ids.
    pub ids: Vec<u64>,
    /// For each of them, whether it was added now; otherwise it existed, with the same key or as the unique job.
    pub new: Vec<bool>,
}
