//! One level of a fair queue: competitors by virtual time.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Competitors by name, each with the content `C`.
#[derive(Debug)]
pub(super) struct Round<C> {
    /// The virtual time of the competitor that was served last. Never decreases.
    now: u128,
    competitors: BTreeMap<Arc<str>, Competitor<C>>,
    /// Those that wait, by virtual time.
    waiting: BTreeSet<(u128, Arc<str>)>,
    /// Those that do not wait and are ahead of `now`, by virtual time. The others without waiters are forgotten: they
    /// would continue at `now` like new ones.
    ahead: BTreeSet<(u128, Arc<str>)>,
}

#[derive(Debug)]
struct Competitor<C> {
    time: u128,
    waits: bool,
    content: C,
}

impl<C> Default for Round<C> {
    fn default() -> Self {
        Self { now: 0, competitors: BTreeMap::new(), waiting: BTreeSet::new(), ahead: BTreeSet::new() }
    }
}

impl<C: Default> Round<C> {
    /// Makes a competitor wait, if it does not yet; returns its content.
    pub(super) fn join(&mut self, name: &Arc<str>) -> &mut C {
        let now = self.now;
        let new = || Competitor { time: now, waits: false, content: C::default() };
        let competitor = self.competitors.entry(Arc::clone(name)).or_insert_with(new);
        if !competitor.waits {
            competitor.waits = true;
            self.ahead.remove(&(competitor.time, Arc::clone(name)));
            competitor.time = competitor.time.max(now);
            self.waiting.insert((competitor.time, Arc::clone(name)));
        }
        &mut competitor.content
    }

    /// Returns the content of a competitor that waits, or is remembered.
    pub(super) fn get_mut(&mut self, name: &Arc<str>) -> Option<&mut C> {
        self.competitors.get_mut(name).map(|competitor| &mut competitor.content)
    }

    /// Returns the competitor that is served next.
    pub(super) fn first(&self) -> Option<(&Arc<str>, &C)> {
        let (_, name) = self.waiting.first()?;
        self.competitors.get(name).map(|competitor| (name, &competitor.content))
    }

    /// Returns the competitor that is served now.
    pub(super) fn serve(&mut self) -> Option<Arc<str>> {
        let (time, name) = self.waiting.first().cloned()?;
        self.now = self.now.max(time);
        while let Some((_, behind)) = self.ahead.first().filter(|(time, _)| *time <= self.now) {
            self.competitors.remove(behind);
            self.ahead.pop_first();
        }
        Some(name)
    }

    /// Charges a competitor `time` instead of `earlier`.
    pub(super) fn charge(&mut self, name: &Arc<str>, earlier: u128, time: u128) {
        match self.competitors.get_mut(name) {
            Some(competitor) => {
                let set = if competitor.waits { &mut self.waiting } else { &mut self.ahead };
                set.remove(&(competitor.time, Arc::clone(name)));
                competitor.time = competitor.time.saturating_sub(earlier).saturating_add(time);
                set.insert((competitor.time, Arc::clone(name)));
            }
            // It was forgotten because `now` has passed it.
            None if time > earlier => {
                let time = self.now.saturating_add(time - earlier);
                let new = Competitor { time, waits: false, content: C::default() };
                self.competitors.insert(Arc::clone(name), new);
                self.ahead.insert((time, Arc::clone(name)));
            }
            None => {}
        }
    }

    /// Makes a competitor wait no longer.
    pub(super) fn leave(&mut self, name: &Arc<str>) {
        let Some(competitor) = self.competitors.get_mut(name).filter(|competitor| competitor.waits) else { return };
        competitor.waits = false;
        self.waiting.remove(&(competitor.time, Arc::clone(name)));
        if competitor.time > self.now {
            self.ahead.insert((competitor.time, Arc::clone(name)));
        } else {
            self.competitors.remove(name);
        }
    }

    /// Returns how many competitors have an entry.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.competitors.len()
    }
}
