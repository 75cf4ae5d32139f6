//! Makes a recorded attempt again, in a sandbox of its own.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use saggar::{Engine, Plugin};
use saggar_job::JobId;
use saggar_record::{Record, RecordedCall, Replay, ReplayMode, ReplayResult};
use saggar_sandbox::{Answer, Call, CallError, Input, JobContext, Limits, Report, Sandbox, Stop};
use saggar_tenant::{Flow, Tenant};
use saggar_tests::host::TestHost;
use saggar_tests::timeout::within;

/// Makes the last recorded attempt of a job again, with the code of its task; it must do the same. Returns whether there is a
/// record.
pub(super) async fn is_same_again(host: &TestHost, task: &str, id: u64) -> bool {
    let Some(bytes) = host.inner().record(task, id, None).await.expect("a lookup") else { return false };
    let record = Record::read(&bytes).expect("a valid record");
    let app = host.inner().app();
    let task = app.tasks.iter().find(|known| known.id.as_str() == task).expect("a task of the app");
    let plugin = app.processor(task).expect("its code is loaded");
    let (report, result) = rerun_plugin(plugin, &record, ReplayMode::Exact).await;
    assert_same(&record, &report, &result);
    true
}

/// Makes all calls of a record with a guest; returns what the last one did.
pub(super) async fn rerun(engine: &Engine, guest: &str, record: &Record, mode: ReplayMode) -> (Report, ReplayResult) {
    let plugin = engine.load(Path::new(guest)).await.expect("the guest loads");
    rerun_plugin(plugin, record, mode).await
}

async fn rerun_plugin(plugin: Plugin, record: &Record, mode: ReplayMode) -> (Report, ReplayResult) {
    let limits = Limits { memory: record.header.memory, reuse: u32::MAX };
    let mut sandbox = Sandbox::new(plugin, limits, Flow::new(Tenant::new("default"), "replay"));
    let task: Arc<str> = (&*record.header.task).into();
    let (last, earlier) = record.calls.split_last().expect("a call");
    for call in earlier {
        let (_, result) = make(&mut sandbox, &task, call, None, mode).await;
        assert_eq!(result.divergence, None, "an earlier call");
        assert!(sandbox.is_warm(), "the instance served another call");
    }
    // If the host was started for that, records have the hash.
    sandbox.hash_memory();
    make(&mut sandbox, &task, last, record.stop(), mode).await
}

async fn make(
    sandbox: &mut Sandbox,
    task: &Arc<str>,
    call: &RecordedCall,
    stop: Option<Stop>,
    mode: ReplayMode,
) -> (Report, ReplayResult) {
    let header = &call.header;
    let job = JobContext {
        id: JobId(header.id),
        task: Arc::clone(task),
        attempt: header.attempt,
        max_attempts: header.max_attempts,
        handler: header.handler.as_deref().map(Into::into),
        trace_parent: header.trace_parent.as_deref().map(Into::into),
    };
    let replay = Arc::new(Replay::new(call.clone(), stop, mode));
    let input = Input::Process { args: (&*header.args).into() };
    let timeout = if stop.is_some() { Duration::from_millis(header.timeout_ms) } else { Duration::from_secs(30) };
    let report = within("a replay", sandbox.call(Call { job, input, timeout, services: replay.clone() })).await;
    (report, replay.result())
}

/// Asserts that the attempt did the same again. Where a guest that computes is stopped depends on time.
pub(super) fn assert_same(record: &Record, report: &Report, result: &ReplayResult) {
    let what = format!("{} {:?}", record.header.task, record.last_call().map(|call| &call.header));
    assert_eq!(result.divergence, None, "{what}");
    match (&report.result, &record.end.result) {
        (Ok(Answer::Response(response)), Ok(recorded)) => assert_eq!(**response, **recorded, "{what}"),
        (Err(CallError::Failed(failure)), Err(recorded)) => {
            assert_eq!(failure.kind.name(), &*recorded.kind, "{what}: {failure:?}");
            assert_eq!(failure.problem.code, *recorded.problem.code, "{what}");
            assert_eq!(failure.problem.message, *recorded.problem.message, "{what}");
            assert_eq!(failure.retry_after_ms, recorded.retry_after_ms, "{what}");
        }
        (now, before) => panic!("{what}: {now:?} instead of {before:?}"),
    }
    let call = record.last_call().expect("a call");
    assert!(result.asked.is_subset(&call.asked()), "{what}: {:?}", result.asked);
    let (lines, reports) = (call.effects.log.iter(), call.effects.progress.iter());
    let has_same_lines = lines.zip(&result.effects.log).all(|(recorded, now)| recorded == now);
    let has_same_reports = reports.zip(&result.effects.progress).all(|(recorded, now)| recorded == now);
    assert!(has_same_lines && has_same_reports, "{what}: {:?} instead of {:?}", result.effects, call.effects);
    if record.stop().is_none() {
        assert_eq!(result.effects, call.effects, "{what}");
        assert_eq!((result.unasked, report.peak_memory), (0, record.end.peak_memory), "{what}");
        assert_eq!(report.memory_hash, record.end.memory_hash, "{what}: the memory has other content");
    }
}
