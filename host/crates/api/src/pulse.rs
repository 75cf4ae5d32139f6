//! The pulse of tenants: what their tasks do, once a second. It is made for a tenant while a client follows it, once for all
//! of them: a task that has changed is serialized once, and each client is sent the tasks that have changed since it was
//! last sent any.

use std::collections::{BTreeMap, HashMap};
use std::ops::Bound;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use saggar_wire as wire;
use serde::Serialize;
use serde_json::value::RawValue;
use tokio::sync::{Notify, watch};
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use crate::jobs::Jobs;
use crate::rfc3339;
use crate::tenants::Tenants;

mod sample;

use sample::Sample;

/// Time between two beats.
const INTERVAL: Duration = Duration::from_secs(1);

/// The pulses of all tenants. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Pulses(Arc<AllPulses>);

struct AllPulses {
    tenants: Arc<dyn Tenants>,
    /// The pulses that are followed. The names are those of tenants that the host runs.
    followed: Mutex<HashMap<Arc<str>, Arc<TenantPulse>>>,
    /// Notified when one is followed while none was.
    some: Notify,
}

/// The pulse of one tenant.
pub(crate) struct TenantPulse {
    /// The number of the last beat.
    beats: watch::Sender<u64>,
    state: Mutex<PulseState>,
}

#[derive(Default)]
struct PulseState {
    /// The number of the last beat, from 1.
    beat: u64,
    /// The beat from which on the set of tasks is the present one.
    since: u64,
    at: String,
    not_ready: Option<&'static str>,
    tasks: BTreeMap<Arc<str>, PulsedTask>,
    samples: HashMap<Arc<str>, Sample>,
    /// The host does not run the tenant any more.
    is_over: bool,
}

/// A task as it is sent.
struct PulsedTask {
    /// The beat in which it changed last.
    changed: u64,
    text: Box<RawValue>,
}

/// How far a client was sent the beats of a pulse.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct PulsePosition {
    /// It has everything up to this beat.
    through: u64,
    /// The beat that is being sent, whether it is sent as a whole, and the last task that was sent of it.
    sending: Option<(u64, bool, Option<Arc<str>>)>,
    /// The next beat to send.
    due: u64,
}

/// A [`wire::Pulse`] that is about to be sent.
#[derive(Serialize)]
pub(crate) struct PulsePart<'a> {
    at: &'a str,
    full: bool,
    more: bool,
    not_ready: Option<&'static str>,
    tasks: Vec<&'a RawValue>,
}

impl Pulses {
    pub(crate) fn new(tenants: Arc<dyn Tenants>) -> Self {
        let (followed, some) = Default::default();
        Self(Arc::new(AllPulses { tenants, followed, some }))
    }

    /// Follows the pulse of a tenant. The receiver gets the number of each beat; it has a first one at once.
    pub(crate) fn follow(&self, jobs: &dyn Jobs) -> (Arc<TenantPulse>, watch::Receiver<u64>) {
        let mut followed = self.0.followed.lock();
        if followed.is_empty() {
            self.0.some.notify_one();
        }
        let pulse = followed.entry(Arc::clone(jobs.tenant().name())).or_default();
        let beats = pulse.beats.subscribe();
        let pulse = Arc::clone(pulse);
        // Other followers may wait for this lock, but they need the same beat.
        if pulse.state.lock().beat == 0 {
            pulse.beat(jobs);
        }
        (pulse, beats)
    }

    /// Makes the pulses that are followed, until `stop` is cancelled.
    pub(crate) async fn run(self, stop: CancellationToken) {
        let beating = async {
            loop {
                self.0.some.notified().await;
                let mut interval = tokio::time::interval(INTERVAL);
                interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
                // The first tick is at once, and the followed pulses have had their first beat.
                interval.tick().await;
                while self.drop_unfollowed() {
                    interval.tick().await;
                    self.beat_all();
                }
            }
        };
        tokio::select! {
            () = beating => {}
            () = stop.cancelled() => {}
        }
    }

    /// Drops the pulses that nobody follows; returns whether there are others.
    fn drop_unfollowed(&self) -> bool {
        let mut followed = self.0.followed.lock();
        followed.retain(|_, pulse| pulse.beats.receiver_count() > 0);
        !followed.is_empty()
    }

    fn beat_all(&self) {
        let followed: Vec<_> =
            self.0.followed.lock().iter().map(|(name, pulse)| (Arc::clone(name), Arc::clone(pulse))).collect();
        for (name, pulse) in followed {
            match self.0.tenants.jobs(&name) {
                Some(jobs) => pulse.beat(&*jobs),
                None => {
                    self.0.followed.lock().remove(&name);
                    pulse.end();
                }
            }
        }
    }
}

impl Default for TenantPulse {
    fn default() -> Self {
        Self { beats: watch::Sender::new(0), state: Mutex::default() }
    }
}

impl TenantPulse {
    /// Samples the tasks, and wakes the followers.
    fn beat(&self, jobs: &dyn Jobs) {
        let mut state = self.state.lock();
        state.beat(jobs);
        let number = state.beat;
        drop(state);
        self.beats.send_replace(number);
    }

    fn end(&self) {
        self.state.lock().is_over = true;
        self.beats.send_modify(|_| ());
    }

    /// Returns whether nothing follows.
    pub(crate) fn is_over(&self) -> bool {
        self.state.lock().is_over
    }

    /// Calls `send` with the next part of at most about `bytes` that is due; returns whether there was one. `every` says how
    /// many beats there are between two reports.
    pub(crate) fn read(
        &self,
        position: &mut PulsePosition,
        every: u64,
        bytes: usize,
        send: impl FnOnce(&PulsePart<'_>),
    ) -> bool {
        let state = self.state.lock();
        if position.sending.is_none() && state.beat < position.due.max(1) {
            return false;
        }
        let is_old = |beat: u64| beat < state.since;
        let sending = position.sending.take().filter(|(beat, ..)| !is_old(*beat));
        let (beat, whole, after) = sending.unwrap_or((state.beat, is_old(position.through), None));
        let is_first = after.is_none();
        let mut part = PulsePart {
            at: &state.at,
            full: whole && is_first,
            more: false,
            not_ready: state.not_ready,
            tasks: Vec::new(),
        };
        let (mut last, mut size) = (after.clone(), 0);
        let rest = (after.as_ref().map_or(Bound::Unbounded, Bound::Excluded), Bound::Unbounded);
        for (id, task) in state.tasks.range::<Arc<str>, _>(rest) {
            if !whole && task.changed <= position.through {
                continue;
            }
            if size >= bytes {
                part.more = true;
                break;
            }
            size += task.text.get().len();
            part.tasks.push(&task.text);
            last = Some(Arc::clone(id));
        }
        if part.more {
            position.sending = Some((beat, whole, last));
        } else {
            *position = PulsePosition { through: beat, sending: None, due: beat + every };
        }
        send(&part);
        true
    }
}

impl PulseState {
    fn beat(&mut self, jobs: &dyn Jobs) {
        self.beat += 1;
        self.at = rfc3339::write(jobs.now());
        self.not_ready = jobs.why_not_ready().map(wire::Code::name);
        let open = jobs.open_tasks();
        let mut is_same_set = open.len() == self.tasks.len();
        let mut samples = HashMap::with_capacity(open.len());
        for (definition, queue) in open {
            let id: Arc<str> = definition.id.as_str().into();
            let (sample, has_changed) = match self.samples.remove(&id) {
                Some(mut sample) => {
                    let has_changed = sample.update(&definition, &queue, self.beat);
                    (sample, has_changed)
                }
                None => {
                    is_same_set = false;
                    (Sample::new(&definition, &queue), true)
                }
            };
            if has_changed {
                self.tasks.insert(Arc::clone(&id), PulsedTask { changed: self.beat, text: text(&sample) });
            }
            samples.insert(id, sample);
        }
        self.samples = samples;
        if !is_same_set || self.since == 0 {
            self.tasks.retain(|id, _| self.samples.contains_key(id));
            self.since = self.beat;
        }
    }
}

fn text(sample: &Sample) -> Box<RawValue> {
    // A document of numbers and texts can always be serialized.
    serde_json::value::to_raw_value(sample.task()).unwrap_or_else(|_| RawValue::NULL.to_owned())
}

#[cfg(test)]
mod tests;
