//! Random values for the arguments of calls.

/// A generator of numbers (xorshift), so that a seed repeats a job.
#[derive(Default)]
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn number(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        self.number() % limit.max(1)
    }

    pub(crate) fn is_one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }

    /// Mostly small, at times at a border.
    pub(crate) fn size(&mut self) -> u64 {
        match self.below(12) {
            0 => 0,
            1 => u64::MAX,
            2 => 1 << self.below(64),
            3 => (1 << self.below(32)) - 1,
            4 => self.number(),
            _ => self.below(300),
        }
    }

    pub(crate) fn bytes(&mut self) -> Vec<u8> {
        let length = if self.is_one_in(50) { self.below(200_000) } else { self.below(64) };
        (0..length).map(|_| self.number() as u8).collect()
    }

    pub(crate) fn text(&mut self) -> String {
        const PIECES: [&str; 22] = [
            "",
            "a",
            "random",
            "echo",
            "[]",
            "[1,\"two\",null]",
            "{\"key\":\"k\"}",
            "{\"delay_ms\":1}",
            "[[[[[[[[",
            "\u{0}",
            "\u{1b}[2J",
            "\r\n",
            "ü",
            "\u{202e}",
            "\u{10ffff}",
            "../../etc/passwd",
            "http://127.0.0.1:1/",
            "%00",
            "\"",
            "9007199254740993",
            "1e999",
            "-",
        ];
        let pieces = if self.is_one_in(40) { self.below(20_000) } else { self.below(4) };
        (0..pieces).map(|_| PIECES[self.below(PIECES.len() as u64) as usize]).collect()
    }

    pub(crate) fn pick<'a, T>(&mut self, from: &'a [T]) -> Option<&'a T> {
        from.get(self.below(from.len() as u64) as usize)
    }
}
