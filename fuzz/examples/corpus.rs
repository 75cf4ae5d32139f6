//! Makes the files `corpus/component/generated-*.wasm` anew: what wasm-smith makes of fixed sequences of bytes. The same
//! release of wasm-smith makes the same files.
//!
//!     cargo run --manifest-path fuzz/Cargo.toml --locked --example corpus
//!     cargo run --manifest-path fuzz/Cargo.toml --locked --example corpus -- --check

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use saggar_fuzz::generated::made;

/// How many files there are: half of them components, half modules.
const FILES: usize = 40;

/// Bytes of a sequence; wasm-smith makes some hundred bytes of it.
const INPUT: usize = 4096;

/// The sizes of files that are kept. Small ones contain next to nothing, and large ones make mutations rare.
const SIZES: std::ops::RangeInclusive<usize> = 128..=2048;

/// The eight bytes that a component, and a module, begins with.
const HEADS: [[u8; 8]; 2] = [*b"\0asm\x0d\0\x01\0", *b"\0asm\x01\0\0\0"];

fn main() -> ExitCode {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus/component");
    let (known, new) = (on_disk(&directory), generated(&directory));
    if std::env::args().nth(1).as_deref() == Some("--check") {
        let is_current = known == new;
        println!("the files are {}as they are made", if is_current { "" } else { "not " });
        return if is_current { ExitCode::SUCCESS } else { ExitCode::FAILURE };
    }
    known.keys().for_each(|path| fs::remove_file(path).expect("a file of the corpus"));
    new.iter().for_each(|(path, content)| fs::write(path, content).expect("the corpus can be written"));
    println!("{} files, {} bytes", new.len(), new.values().map(Vec::len).sum::<usize>());
    ExitCode::SUCCESS
}

/// Returns the files that exist.
fn on_disk(directory: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let entries = fs::read_dir(directory).expect("the corpus").map(|entry| entry.expect("an entry"));
    let generated = entries.filter(|entry| entry.file_name().to_string_lossy().starts_with("generated-"));
    generated.map(|entry| (entry.path(), fs::read(entry.path()).expect("a file of the corpus"))).collect()
}

/// Makes all files.
fn generated(directory: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut files: Vec<Vec<u8>> = Vec::new();
    for head in HEADS {
        let all = (0..100_000).filter_map(|seed| made(&bytes(seed)));
        let mut fitting = all.filter(|made| made.starts_with(&head) && SIZES.contains(&made.len()));
        while files.iter().filter(|file| file.starts_with(&head)).count() < FILES / 2 {
            let file = fitting.next().expect("wasm-smith makes files of these sizes");
            if !files.contains(&file) {
                files.push(file);
            }
        }
    }
    let numbered = files.into_iter().enumerate();
    numbered.map(|(number, file)| (directory.join(format!("generated-{number:02}.wasm")), file)).collect()
}

/// Returns a sequence of bytes (SplitMix64).
fn bytes(seed: u64) -> Vec<u8> {
    let mut state = seed;
    let words = std::iter::repeat_with(|| {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let word = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        word ^ (word >> 31)
    });
    words.flat_map(u64::to_le_bytes).take(INPUT).collect()
}
