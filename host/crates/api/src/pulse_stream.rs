//! The pulse of a tenant as a streaming answer. A client that reads slowly is sent fewer reports, and has one part of a report in
//! memory.

use std::sync::Arc;

use tokio::sync::watch;

use crate::pulse::{PulsePosition, TenantPulse};
use crate::sse::{PIECE_BYTES, Piece, Pieces};
use crate::stream_permit::{StreamPermit, Waited};

/// The pulse that a client follows.
pub(crate) struct PulseStream {
    permit: StreamPermit,
    pulse: Arc<TenantPulse>,
    beats: watch::Receiver<u64>,
    /// Beats between two reports.
    every: u64,
    position: PulsePosition,
    piece: Piece,
}

impl PulseStream {
    /// Follows a pulse from now on.
    pub(crate) fn new(
        permit: StreamPermit,
        (pulse, beats): (Arc<TenantPulse>, watch::Receiver<u64>),
        every: u64,
    ) -> Self {
        Self { permit, pulse, beats, every, position: PulsePosition::default(), piece: Piece::first() }
    }
}

impl Pieces for PulseStream {
    async fn next(&mut self) -> Option<Piece> {
        loop {
            let Self { pulse, position, piece, every, .. } = self;
            if pulse.is_over() {
                return None;
            }
            pulse.read(position, *every, PIECE_BYTES, |part| piece.add(None::<u64>, "pulse", part));
            if let Some(piece) = self.piece.take() {
                return Some(piece);
            }
            match self.permit.wait_for(self.beats.changed()).await {
                Waited::Ready(Ok(())) => {}
                Waited::Ready(Err(_)) | Waited::Stop => return None,
                Waited::Silence => self.piece.add_comment(),
            }
        }
    }
}
