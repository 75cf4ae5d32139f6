//! An attack and the host that withstands it.
//!
//! Each attack runs in its own slot while ordinary jobs of another task run. Each test asserts how the attacking job
//! ends, that the host's memory stays within a limit, that the ordinary jobs succeed meanwhile, and that the attacked
//! slot serves an ordinary job afterwards. When the host is shut down, the pool must be empty.

use std::fs;

use saggar::{FailureKind, JobView, Status};
use saggar_tests::app::{App, plugin_file};
use saggar_tests::guests;
use saggar_tests::host::{Start, TestHost, response};
use saggar_tests::memory::Growth;
use serde_json::{Value, json};
use tokio::sync::{Mutex, MutexGuard};

use crate::ALLOCATOR;

/// One attack at a time: a process has one engine, and the measured memory is the process's.
static ARENA: Mutex<()> = Mutex::const_new(());

/// Memory that the host itself may use while a guest attacks: its buffers (at most 4 MiB for a text from the guest),
/// thread stacks and logs.
const HOST_MIB: u64 = 32;

/// Ordinary jobs that run one after the other beside an attack.
const LEAST_ROUNDS: u32 = 20;
const MOST_ROUNDS: u32 = 1000;

/// The time limit for attacks that end by themselves.
const LONG_SECONDS: f64 = 50.0;

/// An attack to withstand.
pub(crate) struct Attack {
    plugin: Vec<u8>,
    behaviour: &'static str,
    timeout_seconds: f64,
    memory_mib: u64,
    guest_mib: u64,
    has_benign_mode: bool,
}

/// The result of an attack.
pub(crate) struct Ended {
    /// The attacking job.
    pub(crate) job: JobView,
    /// Its log.
    pub(crate) log: Vec<String>,
    /// The peak memory of its last attempt.
    pub(crate) peak_memory: u64,
    /// Ordinary jobs that started and succeeded while the attack ran.
    meanwhile: u32,
}

/// Waits for its turn in the arena.
pub(crate) async fn arena() -> MutexGuard<'static, ()> {
    ARENA.lock().await
}

/// Returns the settings of the hosts of these tests.
pub(crate) fn start() -> Start {
    Start { allocator: ALLOCATOR, ..Start::default() }
}

impl Attack {
    /// Attacks with a behaviour of one of the hostile guests.
    pub(crate) fn by_guest(guest: &str, behaviour: &'static str) -> Self {
        let plugin = fs::read(guest).expect("the guests have been built");
        Self { behaviour, ..Self::by_component(plugin) }
    }

    /// Attacks with a component that attacks on long arguments.
    pub(crate) fn by_component(plugin: Vec<u8>) -> Self {
        Self {
            plugin,
            behaviour: "attack",
            timeout_seconds: LONG_SECONDS,
            memory_mib: 16,
            guest_mib: 16,
            has_benign_mode: true,
        }
    }

    /// Sets a short timeout, for an attack that never ends.
    pub(crate) fn forever(self) -> Self {
        Self { timeout_seconds: 1.0, ..self }
    }

    /// Sets a long timeout, for an attack that ends by itself.
    pub(crate) fn until_it_ends(self) -> Self {
        Self { timeout_seconds: LONG_SECONDS, ..self }
    }

    /// Requests this much memory for the task; the guest uses it.
    pub(crate) fn with_memory(self, mib: u64) -> Self {
        Self { memory_mib: mib, guest_mib: mib, ..self }
    }

    /// Requests this much memory for the task; the guest only reserves it and never touches it.
    pub(crate) fn with_untouched_memory(self, mib: u64) -> Self {
        Self { memory_mib: mib, guest_mib: 0, ..self }
    }

    /// Declares that the component attacks on any arguments, so that only another component can show that the slot
    /// recovers.
    pub(crate) fn without_benign_mode(self) -> Self {
        Self { has_benign_mode: false, ..self }
    }

    fn app(&self) -> App {
        let attacked = json!({
            "process": "plugins.attacker",
            "timeout": self.timeout_seconds,
            "sandbox": { "memory": format!("{}MiB", self.memory_mib) },
        });
        App::new()
            .plugin_bytes("attacker", &self.plugin)
            .task("attacked", &attacked)
            .simple_task("bystander", guests::ECHO)
            .plugin("journal", guests::ECHO)
            .task("journal", &json!({ "process": "plugins.journal", "size": 1000 }))
    }

    /// Returns the problems of the attacker if the host refuses to load it, or `None` if the host loads it.
    pub(crate) async fn refused(&self) -> Option<String> {
        let _arena = arena().await;
        let host = match TestHost::try_start(self.app(), start()).await {
            Err(why) => return Some(why),
            Ok(host) => host,
        };
        host.shutdown().await;
        None
    }

    /// Runs the attack, and asserts what must be true after every attack.
    pub(crate) async fn withstand(self) -> Ended {
        let _arena = arena().await;
        let host = TestHost::start_as(self.app(), start()).await;
        // One-time setup happens before the measurement.
        assert_eq!(host.response("bystander", json!(["before"])).await, json!(["before"]));
        if self.has_benign_mode {
            assert_eq!(host.response("attacked", json!(["ok"])).await, json!(["ok"]));
        }
        let growth = Growth::watch();
        let ended = attack(&host, self.behaviour).await;
        let grown_mib = growth.peak_bytes() >> 20;
        let allowed_mib = self.guest_mib + HOST_MIB;

        assert!(grown_mib <= allowed_mib, "the host grew by {grown_mib} MiB; at most {allowed_mib} were expected");
        self.recover(&host).await;
        host.idle().await;
        host.shutdown().await;
        ended
    }

    async fn recover(&self, host: &TestHost) {
        if !self.has_benign_mode {
            host.app().write(plugin_file("attacker"), fs::read(guests::ECHO).expect("the guests have been built"));
            host.reload().await.expect("the repaired app loads");
        }
        assert_eq!(host.response("attacked", json!(["ok"])).await, json!(["ok"]), "the slot does not recover");
        assert_eq!(host.response("bystander", json!(["after"])).await, json!(["after"]));
    }
}

/// Runs the attack, and ordinary jobs of another task until shortly after the attack's end.
async fn attack(host: &TestHost, behaviour: &str) -> Ended {
    let id = host.add("attacked", json!([behaviour])).await;
    let mut meanwhile = 0;
    let mut rounds = 0;
    loop {
        let began_during = host.job("attacked", id).await.status == Status::Running;
        let answer = host.response("bystander", json!([rounds])).await;
        assert_eq!(answer, json!([rounds]), "an ordinary job was disturbed");
        rounds += 1;
        // Enough jobs have run; more would only fill the store, which retains every job.
        let job = if rounds < MOST_ROUNDS { host.job("attacked", id).await } else { host.end("attacked", id).await };
        meanwhile += u32::from(began_during && job.status == Status::Running);
        if rounds >= LEAST_ROUNDS && matches!(job.status, Status::Success | Status::Failure) {
            let peak_memory = peak_memory(host, id).await;
            return Ended { job, log: host.log("attacked", id).await, peak_memory, meanwhile };
        }
    }
}

async fn peak_memory(host: &TestHost, id: u64) -> u64 {
    let attempts = host.inner().attempts("attacked", id).await.expect("the job is there");
    attempts.last().and_then(|attempt| attempt.cost.as_ref()).map_or(0, |cost| cost.peak_memory)
}

impl Ended {
    /// Asserts that the attack was stopped at its timeout, and that ordinary jobs ran until then.
    pub(crate) fn by_timeout(&self) {
        self.by(FailureKind::Timeout, "timeout");
        assert!(self.meanwhile > 0, "no ordinary job ended while the attack ran");
    }

    /// Asserts that the attack failed for this reason, with this code.
    pub(crate) fn by(&self, reason: FailureKind, code: &str) {
        let Self { job, .. } = self;
        let found = job.problem.as_ref().map(|problem| problem.code.as_str());
        assert_eq!((job.status, job.reason, found), (Status::Failure, Some(reason), Some(code)), "{job:?}");
    }

    /// Asserts that the attack succeeded, harmlessly; returns its response.
    pub(crate) fn well(&self) -> Value {
        response(&self.job)
    }
}
