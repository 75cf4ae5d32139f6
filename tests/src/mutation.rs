//! Mutations of files, as a fuzzer makes them, but the same in every run: a number decides each.

/// Pieces that parsers treat specially.
const PIECES: [&[u8]; 24] = [
    b"\"",
    b"\\",
    b"{",
    b"}",
    b"[",
    b"]",
    b",",
    b":",
    b"\0",
    b"\xff",
    b"\xed\xa0\x80",
    b"\xef\xbb\xbf",
    b"\r\n",
    b"/*",
    b"//",
    b"'''",
    b"\"\"\"",
    b"\\u0000",
    b"\\ud800",
    b"1e999999",
    b"-0",
    b"99999999999999999999",
    b"null",
    b"\x1b[2J",
];

/// A generator of numbers (xorshift).
#[derive(Debug)]
pub struct Numbers(u64);

impl Numbers {
    /// Creates a generator; the same seed gives the same numbers.
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// Returns a number below `limit`; 0 if that is 0.
    pub fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 16) as usize % limit.max(1)
    }
}

/// Returns `bytes` with one to eight changes: bits, bytes and ranges are changed, removed, repeated, or taken from `other`.
pub fn mutated(bytes: &[u8], other: &[u8], numbers: &mut Numbers) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for _ in 0..=numbers.below(8) {
        change(&mut bytes, other, numbers);
    }
    bytes
}

fn change(bytes: &mut Vec<u8>, other: &[u8], numbers: &mut Numbers) {
    let at = numbers.below(bytes.len() + 1);
    let end = at + numbers.below((bytes.len() - at + 1).min(64));
    match numbers.below(9) {
        0 => bytes.truncate(at),
        1 => drop(bytes.drain(at..end)),
        2 => insert(bytes, at, PIECES[numbers.below(PIECES.len())]),
        3 => {
            let range = bytes[at..end].to_vec();
            insert(bytes, at, &range.repeat(1 + numbers.below(40)));
        }
        4 => {
            let from = numbers.below(other.len() + 1);
            let to = from + numbers.below((other.len() - from + 1).min(64));
            insert(bytes, at, &other[from..to]);
        }
        5 => insert(bytes, at, &[numbers.below(256) as u8]),
        _ => {
            if let Some(byte) = bytes.get_mut(at) {
                match numbers.below(3) {
                    0 => *byte ^= 1 << numbers.below(8),
                    1 => *byte = numbers.below(256) as u8,
                    _ => *byte = byte.wrapping_add(1),
                }
            }
        }
    }
}

fn insert(bytes: &mut Vec<u8>, at: usize, piece: &[u8]) {
    bytes.splice(at..at, piece.iter().copied());
}
