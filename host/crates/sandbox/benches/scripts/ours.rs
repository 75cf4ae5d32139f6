//! Saggar's sandbox.

use std::sync::Arc;
use std::time::Duration;

use saggar_job::JobId;
use saggar_sandbox::{
    Call, Engine, EngineOptions, Input, JobContext, Limits, Plugin, RefusingServices, Sandbox, Services,
};
use saggar_tenant::{Flow, Tenant};

use crate::Script;
use crate::bare::ARGS;

/// A plugin, or a script.
pub(crate) struct Ours {
    plugin: Plugin,
    handler: Option<Arc<str>>,
}

/// A sandbox with what each call of it gets.
pub(crate) struct Calls {
    sandbox: Sandbox,
    job: JobContext,
    args: Arc<str>,
    services: Arc<dyn Services>,
}

impl Ours {
    pub(crate) async fn script(runner: &'static [u8], script: Script) -> anyhow::Result<Self> {
        let engine = engine(runner)?;
        Ok(Self { plugin: load(&engine, script).await?, handler: Some(script.function.into()) })
    }

    /// Loads a plugin, after a script into the same engine if there is one.
    pub(crate) async fn plugin(
        component: &[u8],
        runner: &'static [u8],
        beside: Option<Script>,
    ) -> anyhow::Result<Self> {
        let file = tempfile::Builder::new().suffix(".wasm").tempfile()?;
        std::fs::write(file.path(), component)?;
        let engine = engine(runner)?;
        if let Some(script) = beside {
            load(&engine, script).await?;
        }
        Ok(Self { plugin: engine.load(file.path()).await?, handler: None })
    }

    /// Makes a sandbox whose instance serves so many calls.
    pub(crate) fn sandbox(&self, reuse: u32) -> Calls {
        let (task, handler) = (Arc::from("bench"), self.handler.clone());
        let flow = Flow::new(Tenant::new("bench"), Arc::clone(&task));
        Calls {
            sandbox: Sandbox::new(self.plugin.clone(), Limits { memory: 64 << 20, reuse }, flow),
            job: JobContext { id: JobId(1), task, attempt: 1, max_attempts: 1, handler, trace_parent: None },
            args: ARGS.into(),
            services: Arc::new(RefusingServices::default()),
        }
    }
}

impl Calls {
    pub(crate) async fn call(&mut self) -> anyhow::Result<()> {
        let call = Call {
            job: self.job.clone(),
            input: Input::Process { args: self.args.clone() },
            timeout: Duration::from_secs(300),
            services: self.services.clone(),
        };
        match self.sandbox.call(call).await.result {
            Ok(_) => Ok(()),
            Err(error) => anyhow::bail!("{:?}", error.problem()),
        }
    }
}

fn engine(runner: &'static [u8]) -> anyhow::Result<Engine> {
    Ok(Engine::new(EngineOptions { script_runner: Some(runner), ..EngineOptions::default() })?)
}

async fn load(engine: &Engine, script: Script) -> anyhow::Result<Plugin> {
    let read = Arc::new(move |_: &str| Ok(script.text.to_owned()));
    Ok(engine.load_script("scripts/task.js", &[script.function.to_owned()], read).await?)
}
