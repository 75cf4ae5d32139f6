//! Words that this project invented before it used the usual ones, and how often each is still an identifier.

use std::collections::BTreeMap;

use anyhow::{Result, anyhow};
use proc_macro2::{TokenStream, TokenTree};

use crate::sources::Source;

/// The host's crates in which jobs are stored and queued.
const STORES: &[&str] = &["host/crates/queue", "host/crates/store", "host/crates/store-sqlite"];
const WORKER: &[&str] = &["host/crates/worker"];
const API: &[&str] = &["host/crates/api", "host/crates/wire"];
const CLIENT: &[&str] = &["host/crates/client", "host/src"];
const COMMANDS: &[&str] = &["host/src"];
const EVERYWHERE: &[&str] = &[""];

/// Words that are usual for values: only a type or a module with such a name counts.
const NAMES_OF_ITEMS: &[&str] = &["Ended", "Change", "head"];

/// A group of invented words, the folders in which they have the invented meaning, and the usual name.
struct Invented(&'static [&'static str], &'static [&'static str], &'static str);

const INVENTED: &[Invented] = &[
    Invented(&["Shelf"], EVERYWHERE, "TaskState"),
    Invented(&["Desk"], EVERYWHERE, "TaskTx"),
    Invented(&["Desktop"], EVERYWHERE, "CommitLoop"),
    Invented(&["Workshop"], EVERYWHERE, "WriterState"),
    Invented(&["Ledger"], EVERYWHERE, "BatchContext"),
    Invented(&["Asking", "Giving", "Handout"], EVERYWHERE, "ReplyGuard"),
    Invented(&["Handed", "Hand", "Hands", "handing"], EVERYWHERE, "DirectHandoff, IdleSlot"),
    Invented(&["lasted", "lasting", "must_last", "Lasted"], EVERYWHERE, "durable, on_durable, must_sync"),
    Invented(&["Hush", "hushed", "owed", "Patience"], EVERYWHERE, "gone"),
    Invented(&["speak"], STORES, "gone"),
    Invented(&["shows", "shown"], STORES, "snapshot, with_snapshot"),
    Invented(&["Left"], STORES, "NextDue"),
    Invented(&["Telling", "Told", "tell"], STORES, "Delivery, deliver; emit; notify; append"),
    Invented(&["Notice", "noticed", "Happened"], EVERYWHERE, "Callback, CallbackKind"),
    Invented(&["Station"], EVERYWHERE, "TaskRunner"),
    Invented(&["Crew", "CrewPool"], EVERYWHERE, "HandlerSandboxes, HandlerSandboxPool"),
    Invented(&["Seat", "Seats"], EVERYWHERE, "SlotSet, StreamPermit"),
    Invented(&["Bench"], EVERYWHERE, "SlotSandboxes; Fixture"),
    Invented(&["Whole"], WORKER, "Shielded"),
    Invented(&["add_whole"], EVERYWHERE, "Shielded"),
    Invented(&["Transcript"], EVERYWHERE, "LogBuffer"),
    Invented(&["Twin"], EVERYWHERE, "Duplicate"),
    Invented(&["Spot", "Stood"], EVERYWHERE, "Position"),
    Invented(&["Place"], STORES, "Position"),
    Invented(&["Line"], STORES, "ReadyQueue"),
    Invented(&["Register"], STORES, "StatusIndex"),
    Invented(&["Ended"], STORES, "EndResult, ExpiryQueue"),
    Invented(&["Usual", "DoUsual"], EVERYWHERE, "HotStatements"),
    Invented(&["moment"], EVERYWHERE, "timestamp, rfc3339"),
    Invented(&["Look", "Change", "Govern"], API, "Read, Write, Admin"),
    Invented(&["held", "Held"], API, "ResponseBudget"),
    Invented(&["head"], API, "malformed"),
    Invented(&["Surroundings"], COMMANDS, "CommandEnv"),
    Invented(&["job_sheet", "board", "feed", "ask"], COMMANDS, "job_view, live_view, bulk_add, client"),
    Invented(&["Roster", "Hub", "Tally"], EVERYWHERE, "RunningJobs, Subscriptions, Counters"),
    Invented(&["patience"], CLIENT, "retry_for"),
    Invented(&["attempts_max"], EVERYWHERE, "max_attempts"),
    Invented(&["untold"], EVERYWHERE, "callback_pending"),
    Invented(&["PutBack", "put_back"], EVERYWHERE, "Requeued"),
];

/// A word that is still in use.
#[derive(Debug, PartialEq, Eq)]
pub struct Found {
    /// The word.
    pub word: &'static str,
    /// How often it is an identifier.
    pub count: usize,
    /// The usual name.
    pub usual: &'static str,
}

/// Returns the invented words that are still identifiers, tests included, in the order of the list. Ignores comments and texts.
pub(super) fn invented(sources: &[Source]) -> Result<Vec<Found>> {
    let counted: Vec<_> =
        sources.iter().map(|source| Ok((&source.path, identifiers(source)?))).collect::<Result<_>>()?;
    let mut found = Vec::new();
    for Invented(words, folders, usual) in INVENTED {
        for word in *words {
            let there = counted.iter().filter(|(path, _)| folders.iter().any(|folder| path.starts_with(folder)));
            let count = there.filter_map(|(_, counts)| counts.get(*word)).sum();
            found.extend((count > 0).then_some(Found { word, count, usual }));
        }
    }
    Ok(found)
}

fn identifiers(source: &Source) -> Result<BTreeMap<String, usize>> {
    let tokens = source.text.parse().map_err(|error| anyhow!("cannot read {}: {error}", source.path.display()))?;
    let mut counts = BTreeMap::new();
    count(tokens, &mut counts);
    Ok(counts)
}

fn count(tokens: TokenStream, counts: &mut BTreeMap<String, usize>) {
    let mut is_definition = false;
    for token in tokens {
        let TokenTree::Ident(word) = token else {
            is_definition = false;
            if let TokenTree::Group(group) = token {
                count(group.stream(), counts);
            }
            continue;
        };
        let word = word.to_string();
        let is_definition_next = ["enum", "mod", "struct", "trait", "type"].contains(&&*word);
        if is_definition || !NAMES_OF_ITEMS.contains(&&*word) {
            *counts.entry(word).or_default() += 1;
        }
        is_definition = is_definition_next;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_whole_identifiers_in_the_folders_that_they_were_invented_for() {
        let source = |path: &str, text: &str| Source { path: path.into(), text: text.into() };
        let sources = [
            source(
                "host/crates/queue/src/lib.rs",
                "/// A Shelf.\nstruct Shelf; fn f(_: Shelf, _: Shelves) { g(\"Shelf\", Left); }",
            ),
            source("tests/tests/a.rs", "fn f() { let Left = Shelf; }"),
        ];
        let found = invented(&sources).unwrap();
        let expected = [("Shelf", 3), ("Left", 1)];
        assert_eq!(found.iter().map(|found| (found.word, found.count)).collect::<Vec<_>>(), expected);
    }

    #[test]
    fn usual_words_for_values_count_only_as_names_of_types_and_modules() {
        let path = "host/crates/store/src/lib.rs".into();
        let source = Source { path, text: "enum Event { Ended } struct Ended; fn f(e: Ended) {}".into() };
        let found = invented(&[source]).unwrap();
        assert_eq!(found.iter().map(|found| (found.word, found.count)).collect::<Vec<_>>(), [("Ended", 1)]);
    }

    #[test]
    fn no_word_is_listed_twice() {
        let mut words: Vec<_> = INVENTED.iter().flat_map(|Invented(words, ..)| *words).collect();
        words.sort_unstable();
        let all = words.len();
        words.dedup();
        assert_eq!(words.len(), all);
    }
}
