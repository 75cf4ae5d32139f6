//! `event`: the functions that are called when something happens to a job.

use schemars::Schema;

use crate::key::Key;
use crate::parts::Handlers;
use crate::raw::RawObject;
use crate::value::{Field, Handler, Keys, Reader, ValueType, object_schema, written_object};

/// The value of `event`.
#[derive(Clone, Copy)]
pub(crate) struct Event;

/// The keys of `event`.
const KEYS: Keys = &[&NEXT, &ADD, &SUCCESS, &ERROR, &PROGRESS];

const NEXT: Key<Handler> =
    Key::new("next", Handler, "Returns the id of a new job. Without it, ids count up from 1.").or(&["id", "next_id"]);
const ADD: Key<Handler> = Key::new("add", Handler, "Called after a job was added.").or(&["added", "on_add"]);
const SUCCESS: Key<Handler> =
    Key::new("success", Handler, "Called after a job succeeded.").or(&["done", "complete", "on_success"]);
const ERROR: Key<Handler> = Key::new("error", Handler, "Called after a job failed, after its last attempt.")
    .or(&["failure", "fail", "failed", "on_error"]);
// The original document of this format calls it `process`.
const PROGRESS: Key<Handler> =
    Key::new("progress", Handler, "Called with the progress of a job.").or(&["process", "on_progress"]);

impl ValueType for Event {
    type Value = Handlers;

    fn expected(&self) -> String {
        "an object".to_owned()
    }

    fn example(&self) -> String {
        r#"{"success": "plugins.mail.sent"}"#.to_owned()
    }

    fn default(&self) -> Handlers {
        Handlers::default()
    }

    fn parse(&self, field: &Field<'_>, reader: &mut Reader<'_>) -> Option<Handlers> {
        let raw = RawObject::open(self, field, reader)?;
        Some(Handlers {
            next: raw.read(&NEXT, reader),
            add: raw.read(&ADD, reader),
            progress: raw.read(&PROGRESS, reader),
            success: raw.read(&SUCCESS, reader),
            error: raw.read(&ERROR, reader),
        })
    }

    fn written(&self, value: &Handlers) -> Option<serde_json::Value> {
        let Handlers { next, add, progress, success, error } = value;
        written_object([
            NEXT.written(next),
            ADD.written(add),
            PROGRESS.written(progress),
            SUCCESS.written(success),
            ERROR.written(error),
        ])
    }

    fn schema(&self) -> Schema {
        object_schema(KEYS)
    }

    fn keys(&self) -> Keys {
        KEYS
    }
}
