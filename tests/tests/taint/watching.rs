//! What is seen beside answers: the events that each tenant follows, the host's log, its metrics, and its spans.

use std::sync::{Arc, Mutex, PoisonError};

use reqwest::Client;
use tokio::task::JoinSet;

use super::stage::{WORDS, token};

/// The events that the tenants follow.
pub(super) struct Followers {
    read: Vec<(&'static str, Arc<Mutex<String>>)>,
    _reading: JoinSet<()>,
}

impl Followers {
    /// Follows all events of each tenant.
    pub(super) async fn start(client: &Client, url: &str) -> Self {
        let (mut read, mut reading) = (Vec::new(), JoinSet::new());
        for word in WORDS {
            let follow = client.get(format!("{url}/v1/events")).bearer_auth(token(Some(word), "read"));
            let mut answer = follow.send().await.expect("an answer");
            assert_eq!(answer.status(), 200);
            let text = Arc::<Mutex<String>>::default();
            read.push((word, Arc::clone(&text)));
            reading.spawn(async move {
                while let Ok(Some(chunk)) = answer.chunk().await {
                    text.lock().unwrap_or_else(PoisonError::into_inner).push_str(&String::from_utf8_lossy(&chunk));
                }
            });
        }
        Self { read, _reading: reading }
    }

    /// Asserts that each tenant got events, and none with the word of another one.
    pub(super) fn check(&self) {
        for (own, text) in &self.read {
            let text = text.lock().expect("no reader panicked");
            assert!(text.contains(own), "{own} got no events");
            for other in WORDS.into_iter().filter(|word| word != own) {
                assert!(!text.contains(other), "{own} got an event with {other}");
            }
        }
    }
}

/// Asserts that no line has the words of two tenants, and that each word is in some line.
pub(super) fn check_lines<'a>(what: &str, lines: impl Iterator<Item = &'a str>) {
    let mut seen = [false; WORDS.len()];
    for line in lines {
        let found: Vec<usize> = (0..WORDS.len()).filter(|at| line.contains(WORDS[*at])).collect();
        assert!(found.len() <= 1, "{what}: {line}");
        found.iter().for_each(|at| seen[*at] = true);
    }
    assert_eq!(seen, [true; WORDS.len()], "{what}: some tenants are not there, so this checks nothing");
}
