//! The life cycle as a table: every state, every step, every outcome.

use super::*;

const NOW: Timestamp = Timestamp(1_000);
const RUN: Run = Run(4);

fn problem() -> Problem {
    Problem::new("odd", "it is odd")
}

fn waiting(run_at: u64, on_hold: bool) -> State {
    State::Waiting { run_at: Timestamp(run_at), on_hold, problem: None }
}

fn running(cancelling: bool) -> State {
    State::Running { run: RUN, started_at: Timestamp(900), cancelling }
}

fn success() -> Outcome {
    Outcome::Success("7".into())
}

/// A second attempt of three.
fn life(state: State) -> Life {
    Life { state, attempt: 2, run: RUN }
}

fn policy(retries: u32) -> RetryPolicy {
    RetryPolicy { retries, delay_ms: 50, ..RetryPolicy::default() }
}

fn after(state: State, step: Step) -> Result<Life, Refusal> {
    transition(&life(state), step, &policy(2), NOW, 0.5)
}

/// A step's result as the tables show it.
fn summary(result: &Result<Life, Refusal>) -> String {
    match result {
        Err(refusal) => format!("{refusal:?}"),
        Ok(Life { state: State::Waiting { run_at, on_hold, .. }, attempt, .. }) => {
            let on_hold = if *on_hold { " on-hold" } else { "" };
            format!("waiting {}{on_hold} #{attempt}", run_at.0)
        }
        Ok(Life { state: State::Running { cancelling, .. }, attempt, run }) => {
            let cancelling = if *cancelling { " cancelling" } else { "" };
            format!("running /{}{cancelling} #{attempt}", run.0)
        }
        Ok(Life { state: State::Success { .. }, .. }) => "success".to_owned(),
        Ok(Life { state: State::Failure { reason, .. }, .. }) => reason.name().to_owned(),
    }
}

#[test]
fn every_step_from_every_state() {
    let states = [
        ("ready", waiting(1_000, false)),
        ("delayed", waiting(1_001, false)),
        ("on-hold", waiting(1_000, true)),
        ("running", running(false)),
        ("cancelling", running(true)),
        ("success", State::Success { response: "7".into(), ended_at: NOW }),
        ("failure", State::Failure { reason: FailureKind::Trap, problem: problem(), ended_at: NOW }),
    ];
    let steps = [
        Step::Release,
        Step::Claim,
        Step::Finish(RUN, success()),
        Step::Finish(RUN, Outcome::failure(FailureKind::Failed, problem())),
        Step::Finish(Run(3), success()),
        Step::Finish(Run(5), success()),
        Step::Requeue(RUN),
        Step::Requeue(Run(3)),
        Step::Cancel,
        Step::Retry,
    ];
    #[rustfmt::skip]
    let expected = [
        // release, claim, succeed, fail, succeed with an old and a future fence, requeue, requeue with an old fence,
        // cancel, retry
        ("ready", ["waiting 1000 #2", "running /5 #3", "NotRunning", "NotRunning", "NotRunning", "NotRunning", "NotRunning", "NotRunning", "cancelled", "NotEnded"]),
        ("delayed", ["waiting 1001 #2", "NotReady", "NotRunning", "NotRunning", "NotRunning", "NotRunning", "NotRunning", "NotRunning", "cancelled", "NotEnded"]),
        ("on-hold", ["waiting 1000 #2", "NotReady", "NotRunning", "NotRunning", "NotRunning", "NotRunning", "NotRunning", "NotRunning", "cancelled", "NotEnded"]),
        ("running", ["Running", "Running", "success", "waiting 1050 #2", "Stale", "Stale", "waiting 1000 #1", "Stale", "running /4 cancelling #2", "NotEnded"]),
        ("cancelling", ["Running", "Running", "success", "cancelled", "Stale", "Stale", "cancelled", "Stale", "running /4 cancelling #2", "NotEnded"]),
        ("success", ["Ended", "Ended", "Ended", "Ended", "Ended", "Ended", "Ended", "Ended", "Ended", "waiting 1000 #0"]),
        ("failure", ["Ended", "Ended", "Ended", "Ended", "Ended", "Ended", "Ended", "Ended", "Ended", "waiting 1000 #0"]),
    ];
    for ((name, state), (expected_name, cells)) in states.into_iter().zip(expected) {
        assert_eq!(name, expected_name);
        let results = steps.clone().map(|step| summary(&after(state.clone(), step)));
        assert_eq!(results, cells, "from {name}");
    }
}

#[test]
fn every_outcome_with_and_without_attempts_left() {
    let outcomes = [
        (success(), "success", "success"),
        (Outcome::failure(FailureKind::Failed, problem()), "waiting 1050 #2", "failed"),
        (
            Outcome::Failure(Failure { retry_after_ms: Some(700), ..Failure::new(FailureKind::Failed, problem()) }),
            "waiting 1700 #2",
            "failed",
        ),
        (Outcome::failure(FailureKind::Rejected, problem()), "rejected", "rejected"),
        (Outcome::failure(FailureKind::Trap, problem()), "waiting 1050 #2", "trap"),
        (Outcome::failure(FailureKind::Timeout, problem()), "waiting 1050 #2", "timeout"),
        (Outcome::failure(FailureKind::OutOfMemory, problem()), "waiting 1050 #2", "out-of-memory"),
        (Outcome::Failure(Failure::cancelled()), "cancelled", "cancelled"),
        (Outcome::Failure(Failure::lost()), "waiting 1000 #2", "waiting 1000 #2"),
    ];
    for (outcome, with_attempts_left, on_the_last) in outcomes {
        let name = outcome.ending().name();
        let reason = outcome.failed().map(|failure| failure.kind);
        let finish = Step::Finish(RUN, outcome);
        assert_eq!(summary(&after(running(false), finish.clone())), with_attempts_left, "{name}");
        let last = transition(&life(running(false)), finish.clone(), &policy(1), NOW, 0.5);
        assert_eq!(summary(&last), on_the_last, "{name}");
        if let Ok(Life { state: State::Failure { reason: ended, .. }, .. }) = last {
            assert_eq!(reason, Some(ended), "{name}");
        }
        let cancelled = if name == "success" { "success" } else { "cancelled" };
        assert_eq!(summary(&after(running(true), finish)), cancelled, "{name} of a cancelled job");
    }
}

#[test]
fn release_keeps_the_problem_and_cancel_keeps_the_start() {
    let failed = after(running(false), Step::Finish(RUN, Outcome::failure(FailureKind::Trap, problem()))).unwrap();
    assert_eq!(failed.state, State::Waiting { run_at: Timestamp(1_050), on_hold: false, problem: Some(problem()) });
    let failed = Life { state: State::Waiting { run_at: NOW, on_hold: true, problem: Some(problem()) }, ..failed };
    let released = transition(&failed, Step::Release, &policy(2), NOW, 0.5).unwrap();
    assert_eq!(released.state, State::Waiting { run_at: NOW, on_hold: false, problem: Some(problem()) });
    let claimed = transition(&released, Step::Claim, &policy(2), NOW, 0.5).unwrap();
    assert_eq!(claimed.state, State::Running { run: Run(5), started_at: NOW, cancelling: false });
    let cancelling = transition(&claimed, Step::Cancel, &policy(2), Timestamp(9_000), 0.5).unwrap();
    assert_eq!(cancelling.state, State::Running { run: Run(5), started_at: NOW, cancelling: true });
    let ended = transition(&cancelling, Step::Finish(Run(5), success()), &policy(2), Timestamp(9_000), 0.5).unwrap();
    assert_eq!(ended.state, State::Success { response: "7".into(), ended_at: Timestamp(9_000) });
    assert!(ended.state.is_ended());
}

#[test]
fn a_job_ends_after_its_last_attempt() {
    let mut life = Life::new(NOW, true);
    assert_eq!((life.attempt, life.run, life.state.status()), (0, Run(0), Status::Waiting));
    let mut now = NOW;
    let mut go = |life: &Life, step| {
        now = now.plus_ms(1_000);
        transition(life, step, &policy(2), now, 0.5).unwrap()
    };
    life = go(&life, Step::Release);
    for attempt in 1..=3 {
        life = go(&life, Step::Claim);
        assert_eq!((life.attempt, life.run), (attempt, Run(u64::from(attempt))));
        life = go(&life, Step::Finish(life.run, Outcome::Failure(Failure::lost())));
    }
    assert!(matches!(life.state, State::Failure { reason: FailureKind::Lost, .. }), "{life:?}");
}

#[test]
fn lost_attempts_are_retried_at_once_up_to_a_limit() {
    let policies = [
        // retries, delay (which does not matter), and for attempts 1 to 5: when the next one begins, or the end
        (0, 50, ["waiting 1000 #1", "waiting 1000 #2", "lost", "lost", "lost"]),
        (1, 60_000, ["waiting 1000 #1", "waiting 1000 #2", "lost", "lost", "lost"]),
        (3, 0, ["waiting 1000 #1", "waiting 1000 #2", "waiting 1000 #3", "lost", "lost"]),
    ];
    for (retries, delay_ms, expected) in policies {
        let policy = RetryPolicy { retries, delay_ms, ..RetryPolicy::default() };
        for (attempt, expected) in (1..).zip(expected) {
            let life = Life { attempt, ..life(running(false)) };
            let after = transition(&life, Step::Finish(RUN, Outcome::Failure(Failure::lost())), &policy, NOW, 0.5);
            assert_eq!(summary(&after), expected, "attempt {attempt} of a task with {retries} retries");
        }
    }
    let failed = Life { attempt: 2, ..life(running(false)) };
    let failed =
        transition(&failed, Step::Finish(RUN, Outcome::failure(FailureKind::Failed, problem())), &policy(0), NOW, 0.5);
    assert_eq!(summary(&failed), "failed", "a failed attempt after a lost one is not retried");
}

#[test]
fn a_manual_retry_resets_the_attempts_and_keeps_the_fence() {
    let ended = life(State::Failure { reason: FailureKind::Lost, problem: problem(), ended_at: Timestamp(900) });
    let again = transition(&ended, Step::Retry, &policy(2), NOW, 0.5).unwrap();
    assert_eq!(again, Life { state: waiting(NOW.0, false), attempt: 0, run: RUN });
    let claimed = transition(&again, Step::Claim, &policy(2), NOW, 0.5).unwrap();
    assert_eq!((claimed.attempt, claimed.run), (1, Run(RUN.0 + 1)));
}

#[test]
fn a_guest_cannot_exceed_the_longest_retry_delay() {
    let finish = Step::Finish(
        RUN,
        Outcome::Failure(Failure { retry_after_ms: Some(u64::MAX), ..Failure::new(FailureKind::Failed, problem()) }),
    );
    let life = after(running(false), finish).unwrap();
    let run_at = NOW.plus_ms(RetryPolicy::LONGEST_DELAY_MS);
    assert_eq!(life.state, State::Waiting { run_at, on_hold: false, problem: Some(problem()) });
}

#[test]
fn names_are_stable_and_can_be_parsed() {
    let status = [Status::Waiting, Status::Running, Status::Success, Status::Failure].map(Status::name);
    assert_eq!(status, ["WAITING", "RUNNING", "SUCCESS", "FAILURE"]);
    assert!(Status::ALL.into_iter().all(|status| Status::from_name(status.name()) == Some(status)));
    assert!(FailureKind::ALL.into_iter().all(|reason| FailureKind::from_name(reason.name()) == Some(reason)));
    assert_eq!((Status::from_name("waiting"), FailureKind::from_name("gone")), (None, None));
}
