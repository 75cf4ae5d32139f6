//! Makes JavaScript of TypeScript: has the type stripper blank out the types, in a sandbox, because its parser recurses as deep
//! as a file is nested.

use std::sync::Arc;

use futures_util::FutureExt;
use saggar_tenant::Flow;
use wasmtime::component::{ComponentType, Lift};

use crate::compile_failure;
use crate::own_component::OwnFunction;
use crate::script::{Diagnostic, Position, ScriptAccess, StripTypes};
use crate::{CallError, Engine, LoadError};

/// The interface of the type stripper.
const STRIPPER: &str = "saggar:types/stripper@0.1.0";

type StripAnswer = (Result<Arc<str>, Vec<Located>>,);

/// See `saggar:types/stripper`.
#[derive(Debug, Clone, ComponentType, Lift)]
#[component(record)]
struct Located {
    line: u32,
    column: u32,
    message: String,
}

/// The type stripper of an engine.
#[derive(Clone)]
pub(crate) struct TypeStripper(Arc<OwnFunction>);

impl TypeStripper {
    /// Returns the engine's type stripper; `None` if it was started without one. The first call compiles it.
    pub(crate) async fn load(engine: &Engine) -> Result<Option<Self>, LoadError> {
        let Some(own) = &engine.0.type_stripper else { return Ok(None) };
        Ok(Some(Self(Arc::new(OwnFunction::load(engine, own, STRIPPER, "strip").await?))))
    }

    /// Returns the digest of its component.
    pub(crate) fn digest(&self) -> &str {
        &self.0.loaded.digest
    }

    /// Returns what strips the files of a script.
    ///
    /// The call of a compiler waits for it, and both take capacity. Engines have spare capacity for that; if it is used up,
    /// the wait ends with the compiler's time.
    pub(crate) fn for_script(&self, flow: &Flow) -> StripTypes {
        let (stripper, flow) = (self.clone(), flow.clone());
        Arc::new(move |file: String, text: Arc<str>| {
            let (stripper, flow) = (stripper.clone(), flow.clone());
            async move { stripper.strip(&flow, &file, &text).await }.boxed()
        })
    }

    async fn strip(&self, flow: &Flow, file: &str, text: &str) -> Result<Arc<str>, Vec<Diagnostic>> {
        let answer: Result<StripAnswer, CallError> = self.0.call(flow, (text,), ScriptAccess::None).await;
        match answer {
            Ok((Ok(stripped),)) => Ok(stripped),
            Ok((Err(located),)) => Err(located.into_iter().map(|located| diagnostic(file, located)).collect()),
            Err(error) => {
                let message = compile_failure::message(error.problem());
                // With a place, so that it counts as an error in this file, and not in the file that imports it.
                Err(vec![diagnostic(file, Located { line: 1, column: 1, message })])
            }
        }
    }
}

fn diagnostic(file: &str, Located { line, column, message }: Located) -> Diagnostic {
    Diagnostic { file: file.to_owned(), position: Some(Position { line, column, source: String::new() }), message }
}
