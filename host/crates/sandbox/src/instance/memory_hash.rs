//! The hash of an instance's memories after a call, to compare two calls that have to do the same.
//!
//! The engine gives no access to the memories of a component, except in the core dump of a trap. A call that trapped has one.
//! After another one the guest is called once more with an epoch deadline that has passed: that call traps at the entry of the
//! first function, before it has changed anything. The instance cannot be called again.

use sha2::{Digest, Sha256};
use wasmtime::{UpdateDeadline, WasmCoreDump};

use super::LiveInstance;
use crate::{Input, Plugin};

impl LiveInstance {
    /// Returns the hash of all memories, after a call that has ended with this error or, with `None`, with an answer. `None`
    /// if they cannot be read: the engine makes no core dumps, or the call ended in the host.
    pub(crate) async fn memory_hash(&mut self, plugin: &Plugin, ended_with: Option<&wasmtime::Error>) -> Option<u64> {
        if let Some(error) = ended_with {
            return self.hash_of(error);
        }
        let instance = self.instance?;
        self.store.epoch_deadline_callback(|_| Ok(UpdateDeadline::Interrupt));
        self.store.set_epoch_deadline(0);
        let interrupted = self.call(plugin, instance, 0, Input::Process { args: "[]".into() }).await.err()?;
        self.hash_of(&interrupted)
    }

    fn hash_of(&self, error: &wasmtime::Error) -> Option<u64> {
        let dump = error.downcast_ref::<WasmCoreDump>()?;
        let mut hash = Sha256::new();
        for memory in dump.memories() {
            let bytes = memory.data(&self.store);
            hash.update((bytes.len() as u64).to_le_bytes());
            hash.update(bytes);
        }
        let digest: [u8; 32] = hash.finalize().into();
        digest.first_chunk().copied().map(u64::from_le_bytes)
    }
}
