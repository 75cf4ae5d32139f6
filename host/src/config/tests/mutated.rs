//! Mutations of configuration files: whatever is in one, its problems are shown and nothing else happens. The fuzz target
//! `configuration` does the same with a fuzzer.

use crate::config::read_configuration;

const CORPUS: [&str; 4] = [
    include_str!("../../../../fuzz/corpus/configuration/whole.toml"),
    include_str!("../../../../fuzz/corpus/configuration/mistakes.toml"),
    include_str!("../../../../fuzz/corpus/configuration/nested.toml"),
    include_str!("../../../../fuzz/corpus/configuration/grants.toml"),
];

/// Pieces that are inserted.
const PIECES: [&str; 14] = [
    "\"",
    "'''",
    "\"\"\"",
    "[",
    "]",
    "[[",
    "{",
    "=",
    "\n",
    "\\u0000",
    "\u{1b}",
    "9999999999999999999",
    "\u{202e}",
    ".",
];

#[test]
fn the_corpus_is_read() {
    assert_eq!(read_configuration(CORPUS[0]), 0, "the first file has no mistakes");
    assert!(read_configuration(CORPUS[1]) > 1);
    assert!(read_configuration(CORPUS[2]) > 0);
    assert_eq!(read_configuration(CORPUS[3]), 0, "the grants have no mistakes");
}

#[test]
fn mutations_of_the_corpus_are_read() {
    let mut state = 88_172_645_463_325_252_u64;
    let mut below = |limit: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 11) as usize % limit.max(1)
    };
    for _ in 0..2_000 {
        let mut characters: Vec<char> = CORPUS[below(CORPUS.len())].chars().collect();
        for _ in 0..=below(6) {
            let at = below(characters.len());
            let end = (at + below(40)).min(characters.len());
            match below(4) {
                0 => drop(characters.drain(at..end)),
                1 => drop(characters.splice(at..at, PIECES[below(PIECES.len())].chars())),
                2 => {
                    let range = characters[at..end].to_vec();
                    characters.splice(at..at, range.repeat(1 + below(20)));
                }
                _ => characters.truncate(end),
            }
        }
        read_configuration(&characters.iter().collect::<String>());
    }
}
