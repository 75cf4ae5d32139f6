//! What computing guests and slots of several tenants share, measured. A binary of its own, whose tests run one after the
//! other, because other tests on the same processors would be measured, too.

use tokio::sync::{Mutex, MutexGuard};

mod sandbox {
    mod slots;
    mod turns;
}

/// Waits until no other test of this binary measures.
async fn alone() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::const_new(());
    TURN.lock().await
}
