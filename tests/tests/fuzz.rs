//! The functions of the fuzz targets, over their corpus and over mutations of it, the same in every run. `fuzz/` runs them
//! with a fuzzer.

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use saggar_tests::crafted::{BOMBS, bomb};
use saggar_tests::guests;
use saggar_tests::mutation::{Numbers, mutated};

#[expect(unreachable_pub, reason = "it is a module of the library of the fuzz targets, too")]
#[path = "../../fuzz/src/component.rs"]
mod component;
#[expect(unreachable_pub, reason = "it is a module of the library of the fuzz targets, too")]
#[path = "../../fuzz/src/definition.rs"]
mod definition;
#[expect(unreachable_pub, reason = "it is a module of the library of the fuzz targets, too")]
#[path = "../../fuzz/src/request.rs"]
mod request;

#[path = "fuzz/bodies.rs"]
mod bodies;
#[path = "fuzz/loading.rs"]
mod loading;

/// Mutations of the corpus of each target; `SAGGAR_FUZZ_RUNS` sets another number, for longer runs.
const RUNS: usize = 20_000;

fn runs(usual: usize) -> usize {
    #[expect(clippy::disallowed_methods, reason = "a setting of the test")]
    let given = std::env::var("SAGGAR_FUZZ_RUNS").ok();
    given.map_or(usual, |text| text.parse().expect("SAGGAR_FUZZ_RUNS is a number"))
}

/// Returns the files of a target's corpus, sorted by name.
fn corpus(target: &str) -> Vec<Vec<u8>> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus").join(target);
    let mut paths: Vec<_> = fs::read_dir(&dir)
        .unwrap_or_else(|error| panic!("{}: {error}", dir.display()))
        .map(|entry| entry.expect("an entry").path())
        .collect();
    paths.sort();
    assert!(paths.len() >= 3, "the corpus of {target} has {} files", paths.len());
    paths.iter().map(|path| fs::read(path).expect("a file of the corpus")).collect()
}

/// Calls `run` with the files and with mutations of them. On a panic, says which mutation it was.
fn run_all(files: &[Vec<u8>], usual: usize, run: impl Fn(&[u8])) {
    files.iter().for_each(|file| run(file));
    for seed in 0..runs(usual) {
        let ran = catch_unwind(AssertUnwindSafe(|| run(&mutation(files, seed))));
        assert!(ran.is_ok(), "mutation {seed} panics; its message is above");
    }
}

/// Returns a mutation of one of the files.
fn mutation(files: &[Vec<u8>], seed: usize) -> Vec<u8> {
    let mut numbers = Numbers::new(seed as u64 + 1);
    let (one, other) = (numbers.below(files.len()), numbers.below(files.len()));
    mutated(&files[one], &files[other], &mut numbers)
}

#[test]
fn task_files() {
    run_all(&corpus("definition"), RUNS, definition::run);
}

#[test]
fn bodies_of_requests() {
    run_all(&corpus("request"), RUNS, request::run);
}

#[test]
fn components() {
    let guests = [guests::ECHO, guests::RECORDER].map(|guest| fs::read(guest).expect("the guests have been built"));
    let bombs = BOMBS.iter().map(|name| bomb(name).expect("a bomb")).filter(|bytes| bytes.len() < 100_000);
    let files: Vec<_> = corpus("component").into_iter().chain(guests).chain(bombs).collect();
    run_all(&files, RUNS / 4, component::run);
}
