//! What makes a job unique, of what a client says of it.

use std::collections::HashSet;
use std::sync::Arc;

use saggar_queue::{UniqueBy, fingerprint};
use tokio::sync::Semaphore;

use crate::code::Code;
use crate::problem::Refusal;
use crate::wire::{Unique, UniqueScope};

/// Positions of arguments by which a job is unique.
const MAX_POSITIONS: usize = 100;

/// Bytes of arguments that are read at once, while others wait: a fraction of a millisecond.
const SMALL: usize = 64 << 10;

/// The fingerprint of a job with these arguments. To read them takes up to a hundred times their bytes, so it has to be the
/// turn of large ones.
pub(super) async fn fingerprint_of(
    unique: &Unique,
    args: &Arc<str>,
    turns: &Arc<Semaphore>,
) -> Result<Arc<str>, Refusal> {
    let positions = positions(unique).map_err(|detail| Refusal::new(Code::InvalidBody, detail))?;
    let is_by_task = unique.by == UniqueScope::Task;
    let of = move |args: &str| match &positions {
        _ if is_by_task => fingerprint(UniqueBy::Task, args),
        None => fingerprint(UniqueBy::Args, args),
        Some(positions) => fingerprint(UniqueBy::Positions(positions), args),
    };
    if is_by_task || args.len() <= SMALL {
        return Ok(of(args));
    }
    let failed = |what: &str| Refusal::internal(&format!("a fingerprint was not made: {what}"));
    let turn = turns.clone().acquire_owned().await.map_err(|error| failed(&error.to_string()))?;
    let args = args.clone();
    let making = tokio::task::spawn_blocking(move || {
        // It goes on though its client goes away, and its turn lasts as long.
        let _turn = turn;
        of(&args)
    });
    making.await.map_err(|error| failed(&error.to_string()))
}

/// The positions, if there are any.
fn positions(unique: &Unique) -> Result<Option<Vec<usize>>, String> {
    let Some(positions) = &unique.positions else { return Ok(None) };
    if unique.by == UniqueScope::Task {
        return Err("`unique.positions` goes with `\"by\": \"args\"`".to_owned());
    }
    if !(1..=MAX_POSITIONS).contains(&positions.len()) {
        return Err(format!("`unique.positions` has from 1 to {MAX_POSITIONS} positions"));
    }
    // Each of them costs as much as its argument does.
    let mut seen = HashSet::with_capacity(positions.len());
    if !positions.iter().all(|at| seen.insert(at)) {
        return Err("`unique.positions` names a position twice".to_owned());
    }
    Ok(Some(positions.iter().map(|at| *at as usize).collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn large_arguments_have_the_fingerprint_that_they_always_had() {
        let (turns, unique) = (Arc::new(Semaphore::new(1)), |positions| Unique { by: UniqueScope::Args, positions });
        let args: Arc<str> = format!("[1,\"{}\"]", "x".repeat(SMALL)).into();
        assert_eq!(fingerprint_of(&unique(None), &args, &turns).await, Ok(fingerprint(UniqueBy::Args, &args)));
        assert_eq!(
            fingerprint_of(&unique(Some(vec![1, 0])), &args, &turns).await,
            Ok(fingerprint(UniqueBy::Positions(&[1, 0]), &args))
        );
        assert_eq!(turns.available_permits(), 1);
    }

    #[test]
    fn positions_are_few_and_differ() {
        let of = |by, at: &[u32]| positions(&Unique { by, positions: Some(at.to_vec()) });
        assert_eq!(of(UniqueScope::Args, &[1, 0]), Ok(Some(vec![1, 0])));
        let many: Vec<u32> = (0..=100).collect();
        assert!(of(UniqueScope::Args, &many[1..]).is_ok());
        assert!(of(UniqueScope::Args, &many).is_err());
        assert!(of(UniqueScope::Args, &[]).is_err());
        assert!(of(UniqueScope::Args, &[2, 0, 2]).is_err_and(|why| why.contains("twice")));
        assert!(of(UniqueScope::Task, &[0]).is_err());
    }
}
