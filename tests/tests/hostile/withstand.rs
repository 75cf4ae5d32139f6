//! An attack and the host that withstands it.
//!
//! Each attack runs in its own slot while ordinary jobs of another task run. Four things are asserted of each: how the
//! attacking job ends, that the host's memory stays within a limit, that the ordinary jobs succeed meanwhile, and that
//! the attacked slot serves an ordinary job afterwards. When the host is shut down, the pool must be empty.

use std::fs;

use saggar::{JobView, Reason, Status};
use saggar_tests::app::{App, plugin_file};
use saggar_tests::guests;
use saggar_tests::host::{Start, TestHost, response};
use saggar_tests::memory::Growth;
use serde_json::{Value, json};
use tokio::sync::{Mutex, MutexGuard};

use crate::ALLOCATOR;

/// One attack at a time: a process has one engine, and the measured memory is the process's.
static ARENA: Mutex<()> = Mutex::const_new(());

/// What the host itself may use while a guest attacks: its own buffers, at most 4 MiB for a text from the guest,
/// threads' stacks, logs.
const HOST_MIB: u64 = 32;

/// Ordinary jobs that run one after the other beside an attack.
const LEAST_ROUNDS: u32 = 20;
const MOST_ROUNDS: u32 = 1000;

/// The time within which every attack ends that ends by itself.
const LONG_SECONDS: f64 = 50.0;

/// An attack to withstand.
pub(crate) struct Attack {
    plugin: Vec<u8>,
    behaviour: &'static str,
    timeout_seconds: f64,
    memory_mib: u64,
    guest_mib: u64,
    can_be_good: bool,
}

/// How an attack ended.
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

/// How the hosts of these tests are started.
pub(crate) fn start() -> Start {
    Start { allocator: ALLOCATOR, ..Start::default() }
}

impl Attack {
    /// The behaviour of one of the hostile guests.
    pub(crate) fn by_guest(guest: &str, behaviour: &'static str) -> Self {
        let plugin = fs::read(guest).expect("the guests have been built");
        Self { behaviour, ..Self::by_component(plugin) }
    }

    /// A component that attacks on long arguments.
    pub(crate) fn by_component(plugin: Vec<u8>) -> Self {
        Self {
            plugin,
            behaviour: "attack",
            timeout_seconds: LONG_SECONDS,
            memory_mib: 16,
            guest_mib: 16,
            can_be_good: true,
        }
    }

    /// The attack never ends, so it gets little time.
    pub(crate) fn for_ever(self) -> Self {
        Self { timeout_seconds: 1.0, ..self }
    }

    /// The attack ends by itself.
    pub(crate) fn for_as_long_as_it_takes(self) -> Self {
        Self { timeout_seconds: LONG_SECONDS, ..self }
    }

    /// The task requests this much memory, and the guest uses it.
    pub(crate) fn with_memory(self, mib: u64) -> Self {
        Self { memory_mib: mib, guest_mib: mib, ..self }
    }

    /// The task requests this much memory, but the guest only reserves it and never touches it.
    pub(crate) fn with_untouched_memory(self, mib: u64) -> Self {
        Self { memory_mib: mib, guest_mib: 0, ..self }
    }

    /// The component attacks on any arguments, so that only another one can show that the slot recovers.
    pub(crate) fn without_good_side(self) -> Self {
        Self { can_be_good: false, ..self }
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

    /// The problems of the attacker, if the host refuses to load it; `None` if it loads it.
    pub(crate) async fn refused(&self) -> Option<String> {
        let _arena = arena().await;
        let host = match TestHost::try_start(self.app(), start()).await {
            Err(why) => return Some(why),
            Ok(host) => host,
        };
        host.shutdown().await;
        None
    }

    /// Runs the attack, and asserts everything that is the same for all attacks.
    pub(crate) async fn withstand(self) -> Ended {
        let _arena = arena().await;
        let host = TestHost::start_as(self.app(), start()).await;
        // One-time setup happens before the measurement.
        assert_eq!(host.response("bystander", json!(["before"])).await, json!(["before"]));
        if self.can_be_good {
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
        if !self.can_be_good {
            host.app().write(plugin_file("attacker"), fs::read(guests::ECHO).expect("the guests have been built"));
            host.reload().await.expect("the mended app loads");
        }
        assert_eq!(host.response("attacked", json!(["ok"])).await, json!(["ok"]), "the slot does not recover");
        assert_eq!(host.response("bystander", json!(["after"])).await, json!(["after"]));
    }
}

/// Runs the attack, and ordinary jobs of another task for as long as it runs and a little longer.
async fn attack(host: &TestHost, behaviour: &str) -> Ended {
    let id = host.add("attacked", json!([behaviour])).await;
    let mut meanwhile = 0;
    let mut rounds = 0;
    loop {
        let began_during = host.job("attacked", id).await.status == Status::Running;
        let answer = host.response("bystander", json!([rounds])).await;
        assert_eq!(answer, json!([rounds]), "an ordinary job was disturbed");
        rounds += 1;
        // Enough have run; more would only fill the store, which retains every job.
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
    /// It was stopped at its timeout, and did not keep the others from running until then.
    pub(crate) fn by_timeout(&self) {
        self.by(Reason::Timeout, "timeout");
        assert!(self.meanwhile > 0, "no ordinary job ended while the attack ran");
    }

    /// It failed for this reason, with this code.
    pub(crate) fn by(&self, reason: Reason, code: &str) {
        let Self { job, .. } = self;
        let found = job.problem.as_ref().map(|problem| problem.code.as_str());
        assert_eq!((job.status, job.reason, found), (Status::Failure, Some(reason), Some(code)), "{job:?}");
    }

    /// It succeeded, harmlessly; its response.
    pub(crate) fn well(&self) -> Value {
        response(&self.job)
    }
}
