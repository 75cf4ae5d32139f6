//! Damage to compiled code, as a faulty host could do to it on its way back to the runner.

use crate::host::bindings::saggar::script::source::Module;

/// The header of compiled code: a mark, the kind of the file, and a checksum. The runner's `src/bytecode.rs` writes it.
const MARK_BYTES: usize = 4;
const HEADER_BYTES: usize = MARK_BYTES + 1 + 8;

/// Places that [`Damage::Forged`] can hit.
pub(crate) const PLACES: usize = 64;

/// What happens to the code of a script's first file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Damage {
    /// A bit of the last byte changes.
    Bit,
    /// The second half is missing.
    Cut,
    /// All of it is missing.
    Emptied,
    /// It claims to be a module.
    Relabelled,
    /// A byte at this place of the engine's code changes, counted from 0 to [`PLACES`], and the checksum with it.
    Forged(usize),
}

impl Damage {
    /// Damages the first file.
    pub(crate) fn apply(self, modules: &mut [Module]) {
        let Some(Module { code, .. }) = modules.first_mut() else { return };
        match self {
            Self::Bit => *code.last_mut().expect("compiled code is not empty") ^= 1,
            Self::Cut => code.truncate(code.len() / 2),
            Self::Emptied => code.clear(),
            Self::Relabelled => code[MARK_BYTES] = b'm',
            Self::Forged(place) => forge(code, place),
        }
    }
}

fn forge(sealed: &mut [u8], place: usize) {
    let (header, code) = sealed.split_at_mut(HEADER_BYTES);
    let sum = &mut header[MARK_BYTES + 1..];
    assert_eq!(&*sum, &checksum(code).to_le_bytes()[..], "the runner computes another checksum now");
    code[place * code.len() / PLACES] ^= 0x55;
    sum.copy_from_slice(&checksum(code).to_le_bytes());
}

/// The runner's checksum, which is no secret.
fn checksum(code: &[u8]) -> u64 {
    let mut words = code.chunks_exact(8);
    let mut sum = code.len() as u64 ^ 0xcbf2_9ce4_8422_2325;
    let mut take = |word: u64| sum = (sum ^ word).wrapping_mul(0x0100_0000_01b3).rotate_left(29);
    for word in &mut words {
        take(u64::from_le_bytes(word.try_into().expect("chunks of eight bytes")));
    }
    for byte in words.remainder() {
        take(u64::from(*byte));
    }
    sum
}
