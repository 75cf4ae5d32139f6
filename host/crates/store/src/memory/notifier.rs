//! Delivers the notifications of a task's steps in their order.

use std::sync::Arc;

use parking_lot::MutexGuard;

use super::task_state::TaskState;
use crate::{Notification, Observer};

#[derive(Default)]
pub(super) struct Notifier {
    pub(super) observer: Option<Arc<dyn Observer>>,
    /// Swapped with the list in the task's state, so that no step allocates one.
    notifications: Vec<Notification>,
}

impl Notifier {
    /// Sends the notifications of a step, after releasing the task's lock.
    pub(super) fn send(&mut self, mut state: MutexGuard<'_, TaskState>) {
        let Self { observer, notifications } = self;
        std::mem::swap(&mut state.notifications, notifications);
        drop(state);
        let notifications = notifications.drain(..);
        if let Some(observer) = observer {
            notifications.for_each(|notification| notification.send(&**observer));
        }
    }
}
