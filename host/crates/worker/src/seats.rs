//! Seats: how many slots or lanes of a station work at once. A seat has at most one worker, whatever reloads do: one that
//! is taken away and given back waits until its last worker has left it.

use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::OwnedMutexGuard;
use tokio_util::sync::CancellationToken;

/// The seats of one kind at one station.
#[derive(Default)]
pub(crate) struct Seats(Mutex<Vec<Place>>);

struct Place {
    taken: Arc<tokio::sync::Mutex<()>>,
    /// None while nobody is to work here.
    leave: Option<CancellationToken>,
}

/// The right to work, once the last worker has left.
pub(crate) struct Seat {
    taken: Arc<tokio::sync::Mutex<()>>,
    /// Says that the worker is to leave after what it does at the moment.
    pub(crate) leave: CancellationToken,
}

impl Seats {
    /// Makes it `count` seats: tells the workers of the others to leave, and answers those that need a worker. All are
    /// told to leave when `stop` is cancelled.
    pub(crate) fn resize(&self, count: u32, stop: &CancellationToken) -> Vec<Seat> {
        let mut places = self.0.lock();
        while places.len() < count as usize {
            places.push(Place { taken: Arc::default(), leave: None });
        }
        let (wanted, spare) = places.split_at_mut(count as usize);
        for place in spare {
            if let Some(leave) = place.leave.take() {
                leave.cancel();
            }
        }
        let vacant = wanted.iter_mut().filter(|place| place.leave.is_none());
        vacant
            .map(|place| {
                let leave = stop.child_token();
                place.leave = Some(leave.clone());
                Seat { taken: place.taken.clone(), leave }
            })
            .collect()
    }
}

impl Seats {
    /// Whether there never was a seat.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.lock().is_empty()
    }
}

impl Seat {
    /// Waits until the seat is free and keeps it until the guard is dropped. None if the worker is to leave before that.
    pub(crate) async fn sit_down(&self) -> Option<OwnedMutexGuard<()>> {
        tokio::select! {
            biased;
            () = self.leave.cancelled() => None,
            guard = self.taken.clone().lock_owned() => Some(guard),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_seat_that_is_given_back_waits_for_its_last_worker() {
        let (seats, stop) = (Seats::default(), CancellationToken::new());
        let mut first = seats.resize(2, &stop);
        assert_eq!(first.len(), 2);
        let old = first.pop().unwrap();
        let working = old.sit_down().await.unwrap();
        assert!(seats.resize(1, &stop).is_empty());
        assert!(old.leave.is_cancelled());
        let new = seats.resize(2, &stop).pop().unwrap();
        assert!(futures_util::FutureExt::now_or_never(new.sit_down()).is_none());
        drop(working);
        assert!(new.sit_down().await.is_some());
    }

    #[tokio::test]
    async fn nobody_sits_down_after_the_stop() {
        let (seats, stop) = (Seats::default(), CancellationToken::new());
        let seat = seats.resize(1, &stop).pop().unwrap();
        stop.cancel();
        assert!(seat.sit_down().await.is_none());
    }
}
