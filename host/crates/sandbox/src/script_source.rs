//! `saggar:script/source`: what the script runner gets from the host, and no plugin does.

use std::sync::Arc;

use wasmtime::component::Linker;
use wasmtime::{Result, StoreContextMut};

use crate::contract::SCRIPT_SOURCE;
use crate::guest::Guest;
use crate::script::{Diagnostic, ScriptAccess, ScriptModule, line};

type Store<'a> = StoreContextMut<'a, Guest>;
type TextAnswer = (Result<Arc<str>, Vec<Diagnostic>>,);

/// Adds the interface to a linker. By hand, because generated code would copy the modules for each instance.
pub(crate) fn link(linker: &mut Linker<Guest>) -> Result<()> {
    let mut source = linker.instance(SCRIPT_SOURCE)?;
    source.func_wrap_async("text", |store: Store<'_>, (file,): (String,)| {
        let (access, slices) = (store.data().script.clone(), store.data().slices.clone());
        // The type stripper is a guest of its own, with turns of its own.
        Box::new(async move { slices.in_host(text(access, file)).await })
    })?;
    source.func_wrap("modules", |store: Store<'_>, ()| Ok((modules(&store.data().script),)))?;
    source.func_wrap("line", |store: Store<'_>, (file, number): (String, u32)| {
        Ok((match &store.data().script {
            ScriptAccess::None => None,
            ScriptAccess::Running(script) => line(&script.texts, &file, number),
            ScriptAccess::Compiling(files) => files.line(&file, number),
        },))
    })
}

/// Reads a file on a thread that may block, and strips its types.
async fn text(access: ScriptAccess, file: String) -> Result<TextAnswer> {
    let ScriptAccess::Compiling(files) = access else {
        let message = "files are read when a script is compiled, not when it runs";
        return Ok((Err(vec![Diagnostic::of_file(file, message)]),));
    };
    let (reader, name) = (files.clone(), file.clone());
    let read = tokio::task::spawn_blocking(move || reader.text(&name)).await;
    let read = read.unwrap_or_else(|error| Err(format!("reading it failed: {error}")));
    Ok((match read {
        Ok(text) => files.javascript(&file, text).await,
        Err(message) => Err(vec![Diagnostic::of_file(file, message)]),
    },))
}

/// The list is shared: only the copy inside the instance is its own.
fn modules(access: &ScriptAccess) -> Arc<[ScriptModule]> {
    match access {
        ScriptAccess::Running(script) => script.modules.clone(),
        ScriptAccess::None | ScriptAccess::Compiling(_) => Arc::default(),
    }
}
