//! The stream of an outgoing body. What a guest observes of it does not depend on how fast the body is collected: after each
//! write the guest waits, and that it has waited is an observation.

use async_trait::async_trait;
use bytes::Bytes;
use wasmtime_wasi::p2::{OutputStream, Pollable, StreamResult};

/// A stream of the library, whose room depends on time between two waits.
pub(crate) struct BodyOutput {
    stream: Box<dyn OutputStream>,
    /// Whether the guest has written since it waited.
    has_written: bool,
}

impl BodyOutput {
    pub(crate) fn new(stream: Box<dyn OutputStream>) -> Self {
        Self { stream, has_written: false }
    }
}

#[async_trait]
impl OutputStream for BodyOutput {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        self.has_written = true;
        self.stream.write(bytes)
    }

    fn flush(&mut self) -> StreamResult<()> {
        self.stream.flush()
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        if self.has_written { Ok(0) } else { self.stream.check_write() }
    }

    async fn cancel(&mut self) {
        self.stream.cancel().await;
    }
}

#[async_trait]
impl Pollable for BodyOutput {
    async fn ready(&mut self) {
        self.stream.ready().await;
        self.has_written = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A stream that always has room.
    struct Open;

    #[async_trait]
    impl OutputStream for Open {
        fn write(&mut self, _bytes: Bytes) -> StreamResult<()> {
            Ok(())
        }

        fn flush(&mut self) -> StreamResult<()> {
            Ok(())
        }

        fn check_write(&mut self) -> StreamResult<usize> {
            Ok(8)
        }
    }

    #[async_trait]
    impl Pollable for Open {
        async fn ready(&mut self) {}
    }

    #[tokio::test]
    async fn the_guest_waits_after_each_write_however_much_room_there_is() {
        let mut output = BodyOutput::new(Box::new(Open));
        for _ in 0..3 {
            assert_eq!(output.check_write().unwrap(), 8);
            output.write(Bytes::from_static(b"ab")).unwrap();
            assert_eq!(output.check_write().unwrap(), 0);
            output.ready().await;
        }
        output.blocking_write_and_flush(Bytes::from_static(b"0123456789")).await.unwrap();
    }
}
