//! Interrupts guests: a thread that advances the epochs of wasmtime's engines while any call runs, and sleeps otherwise. It also
//! detects calls that outlive their deadline, which means that the host itself is stuck.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use wasmtime::EngineWeak;

/// The ticker goes to sleep after this many ticks without a running call. Waking it costs a system call, so a steady
/// trickle of short calls should find it awake.
const IDLE_TICKS: u32 = 50;

/// A call that outlives its deadline by this much is reported.
const OVERDUE: Duration = Duration::from_secs(1);

/// The deadline of a sandbox without a running call.
const IDLE: u64 = 0;

/// The ticker's handle.
pub(crate) struct Ticker {
    shared: Arc<Shared>,
    thread: Thread,
}

struct Shared {
    started: Instant,
    asleep: AtomicBool,
    closing: AtomicBool,
    ticks: AtomicU64,
    engines: Mutex<Vec<EngineWeak>>,
    calls: Mutex<Vec<Weak<CallDeadline>>>,
}

/// The deadline of one sandbox's call, in microseconds since the ticker started. Each sandbox has its own cache line,
/// so calls on different threads share no memory.
#[derive(Default)]
#[repr(align(128))]
pub(crate) struct CallDeadline {
    due_us: AtomicU64,
    reported: AtomicBool,
}

/// Keeps the ticker awake until the call ends.
pub(crate) struct ActiveCall<'a>(&'a CallDeadline);

impl Ticker {
    /// Starts the thread. It ends when this handle is dropped.
    pub(crate) fn start(engine: EngineWeak, tick: Duration) -> std::io::Result<Self> {
        let shared = Arc::new(Shared {
            started: Instant::now(),
            asleep: AtomicBool::new(false),
            closing: AtomicBool::new(false),
            ticks: AtomicU64::new(0),
            engines: Mutex::new(vec![engine]),
            calls: Mutex::default(),
        });
        let thread_shared = shared.clone();
        let handle = thread::Builder::new().name("saggar-ticker".into()).spawn(move || thread_shared.run(tick))?;
        Ok(Self { thread: handle.thread().clone(), shared })
    }

    /// Advances the epoch of another engine, too, from now on.
    pub(crate) fn add(&self, engine: EngineWeak) {
        self.shared.engines.lock().push(engine);
    }

    /// Registers a new sandbox.
    pub(crate) fn register(&self) -> Arc<CallDeadline> {
        let call = Arc::new(CallDeadline::default());
        let mut calls = self.shared.calls.lock();
        calls.retain(|old| old.strong_count() > 0);
        calls.push(Arc::downgrade(&call));
        call
    }

    /// Starts a call that is due at `deadline`.
    pub(crate) fn begin<'a>(&self, call: &'a CallDeadline, deadline: Instant) -> ActiveCall<'a> {
        let due = deadline.saturating_duration_since(self.shared.started).as_micros();
        call.reported.store(false, Ordering::Relaxed);
        // Sequentially consistent, as is the ticker's "set asleep, then check": one of the two sees the other.
        call.due_us.store(u64::try_from(due).unwrap_or(u64::MAX).max(1), Ordering::SeqCst);
        if self.shared.asleep.load(Ordering::SeqCst) {
            self.thread.unpark();
        }
        ActiveCall(call)
    }

    /// Returns the number of ticks so far. It does not change while the host is idle.
    pub(crate) fn ticks(&self) -> u64 {
        self.shared.ticks.load(Ordering::Relaxed)
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        self.shared.closing.store(true, Ordering::SeqCst);
        self.thread.unpark();
    }
}

impl Drop for ActiveCall<'_> {
    fn drop(&mut self) {
        self.0.due_us.store(IDLE, Ordering::Release);
    }
}

impl Shared {
    fn run(&self, tick: Duration) {
        let mut idle_ticks = 0;
        let ticks_per_check = (OVERDUE.as_nanos() / tick.as_nanos().max(1)).max(1) as u64;
        while !self.closing.load(Ordering::SeqCst) {
            thread::sleep(tick);
            for engine in self.engines.lock().iter().filter_map(EngineWeak::upgrade) {
                engine.increment_epoch();
            }
            let ticks = self.ticks.fetch_add(1, Ordering::Relaxed);
            if ticks.is_multiple_of(ticks_per_check) {
                self.report_overdue();
            }
            idle_ticks = if self.any_running() { 0 } else { idle_ticks + 1 };
            if idle_ticks >= IDLE_TICKS {
                self.sleep();
                idle_ticks = 0;
            }
        }
    }

    /// Sleeps until a call begins or the ticker is dropped. The call may have ended by then, which is harmless.
    fn sleep(&self) {
        self.asleep.store(true, Ordering::SeqCst);
        if !self.any_running() && !self.closing.load(Ordering::SeqCst) {
            thread::park();
        }
        self.asleep.store(false, Ordering::SeqCst);
    }

    fn any_running(&self) -> bool {
        self.calls.lock().iter().filter_map(Weak::upgrade).any(|call| call.due_us.load(Ordering::SeqCst) != IDLE)
    }

    fn report_overdue(&self) {
        let now_us = u64::try_from(self.started.elapsed().as_micros()).unwrap_or(u64::MAX);
        let grace_us = OVERDUE.as_micros() as u64;
        for call in self.calls.lock().iter().filter_map(Weak::upgrade) {
            let due_us = call.due_us.load(Ordering::Relaxed);
            let overdue = due_us != IDLE && now_us.saturating_sub(due_us) > grace_us;
            if overdue && !call.reported.swap(true, Ordering::Relaxed) {
                let overdue_ms = (now_us - due_us) / 1000;
                tracing::error!(overdue_ms, "a call has outlived its deadline: the host is overloaded or stuck");
            }
        }
    }
}
