//! Times of calls without the host around them: CPU time of the thread, so that waiting for a core does not count.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};
use wasmtime::error::Context as _;
use wasmtime::{Result, bail};

use crate::host::Host;
use crate::host::bindings::saggar::script::source::Module;
use crate::runner::{Ending, Role, Runner};
use crate::suite;

const FRESH: usize = 2_000;
const WARM: usize = 20_000;

/// Bytes that stay resident in the pool between two instances.
const RESIDENT: [usize; 2] = [64 << 10, 1 << 20];

/// Prints the minimum and the median of fresh and warm calls.
pub(crate) fn run(component: &[u8]) -> Result<()> {
    let scripts = [
        ("empty", "f", "function f() {}"),
        ("hello", "f", "function f(id, name) { return `hello, ${name}` }"),
        ("the document's Send", "Send", suite::SEED),
    ];
    for resident in RESIDENT {
        let runner = Runner::with_resident(component, resident)?;
        println!("{} KiB stay resident; microseconds of CPU, minimum and median", resident >> 10);
        for (name, function, text) in scripts {
            let files = [("scripts/task.js".to_owned(), text.to_owned())];
            let (compiled, _) = runner.compile(&files, &[])?;
            let Ok(compiled) = compiled else { bail!("{name} does not compile") };
            let bytes: usize = compiled.modules.iter().map(|module| module.code.len()).sum();
            let host = || {
                let mut host = Host::new(&files);
                host.modules =
                    compiled.modules.iter().map(|it| Module { file: it.file.clone(), code: it.code.clone() }).collect();
                host
            };
            let fresh = measure(FRESH, || {
                let mut instance = runner.instance(host())?;
                answered(&instance.call(&Role::Process(r#"["Ada",{"a":1}]"#.into()), function, 7))
            })?;
            let mut instance = runner.instance(host())?;
            let warm = measure(WARM, || {
                let ending = instance.call(&Role::Process(r#"["Ada",{"a":1}]"#.into()), function, 7);
                instance.store.data_mut().events.clear();
                answered(&ending)
            })?;
            println!("  {name:20} fresh {fresh}   warm {warm}   {bytes} bytes of code");
        }
    }
    Ok(())
}

fn answered(ending: &Ending) -> Result<()> {
    match ending {
        Ending::Answer(_) => Ok(()),
        other => bail!("the call failed: {other:?}"),
    }
}

/// Returns the minimum and the median of this many runs.
fn measure(count: usize, mut run: impl FnMut() -> Result<()>) -> Result<String> {
    let mut times = Vec::with_capacity(count);
    for _ in 0..count {
        let start = cpu_time();
        run()?;
        times.push(cpu_time() - start);
    }
    times.sort_unstable();
    let micros = |time: &Duration| time.as_secs_f64() * 1e6;
    let (minimum, median) = (times.first().context("a run")?, times.get(count / 2).context("a run")?);
    Ok(format!("{:6.1} {:6.1}", micros(minimum), micros(median)))
}

/// Returns how long this thread has computed.
fn cpu_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(u64::try_from(time.tv_sec).unwrap_or(0), u32::try_from(time.tv_nsec).unwrap_or(0))
}
