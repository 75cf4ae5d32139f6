//! `sandbox.tasks`: the tasks that a task adds jobs to, and the jobs that it looks up and cancels.

use saggar_grant::{JobAccess, TaskPattern};
use schemars::{Schema, json_schema};

use crate::key::Key;
use crate::parts::TasksRequest;
use crate::raw::RawObject;
use crate::source::Located;
use crate::value::{Choice, Field, Form, Keys, List, Reader, TASK_PATTERN, ValueType, object_schema};

/// The jobs, or an object with the tasks and the jobs.
#[derive(Clone, Copy)]
pub(crate) struct Tasks;

/// The keys of the object.
const KEYS: Keys = &[&ADD, &JOBS];

const ADD: Key<List<Form<TaskPattern>>> = Key::new(
    "add",
    List { item: TASK_PATTERN, items: "ids of tasks, or patterns such as \"mail.*\"", min: 0 },
    "The tasks that its code may add jobs to. Without it, every task of the app; an empty list means none.",
);

// A plugin of a third party must not read or cancel the jobs of other tasks unless the task file allows it.
const JOBS: Key<Choice<JobAccess>> = Key::new(
    "jobs",
    Choice(&[("added", JobAccess::Added), ("all", JobAccess::All)]),
    "Which jobs its code may look up and cancel, besides the one that a call is about: added means those that jobs of \
     this task added, all means every job of the app.",
);

impl ValueType for Tasks {
    type Value = TasksRequest;

    fn expected(&self) -> String {
        format!("{}, or an object with `add` and `jobs`", JOBS.ty.expected())
    }

    fn default(&self) -> TasksRequest {
        TasksRequest::default()
    }

    fn default_text(&self) -> Option<String> {
        JOBS.ty.default_text()
    }

    fn example(&self) -> String {
        r#"{"add": ["mail.*"]}"#.to_owned()
    }

    fn parse(&self, field: &Field<'_>, reader: &mut Reader<'_>) -> Option<TasksRequest> {
        if field.value.as_object().is_some() {
            let raw = RawObject::open(self, field, reader)?;
            let (add, jobs) = (raw.read(&ADD, reader), raw.read(&JOBS, reader));
            return Some(TasksRequest {
                add: raw.span_of(&ADD).map(|_| add),
                jobs: raw.span_of(&JOBS).map(|span| Located { value: jobs, span }),
            });
        }
        if field.value.as_string_lit().is_none() {
            return reader.reject(self, field);
        }
        let jobs = JOBS.ty.parse(field, reader)?;
        Some(TasksRequest { add: None, jobs: Some(Located { value: jobs, span: field.span() }) })
    }

    fn written(&self, value: &TasksRequest) -> Option<serde_json::Value> {
        let jobs = JOBS.ty.written(&value.jobs());
        let Some(add) = &value.add else { return jobs };
        // An empty list differs from none.
        let add = ADD.ty.written(add).unwrap_or_else(|| serde_json::json!([]));
        Some(serde_json::json!({ "add": add, "jobs": jobs }))
    }

    fn schema(&self) -> Schema {
        json_schema!({ "anyOf": [JOBS.ty.schema(), object_schema(KEYS)] })
    }

    fn keys(&self) -> Keys {
        KEYS
    }
}
