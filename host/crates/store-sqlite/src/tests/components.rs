//! The table of components does not grow with deployments, and every attempt keeps what it shows.

use std::time::Duration;

use super::*;
use saggar_job::{Problem, RetryPolicy};
use saggar_store::Cost;

const NOW: Timestamp = Timestamp(1);

fn cost(digest: &str, deployment: u64) -> Option<Cost> {
    let (digest, cpu) = (digest.into(), Duration::from_nanos(1));
    Some(Cost { digest, deployment: Some(deployment), cpu, peak_memory: 1, fresh: false })
}

/// Runs the next job with this code; returns it.
async fn run(task: &dyn TaskStore, rules: &Arc<Rules>, outcome: Outcome, cost: Option<Cost>) -> JobId {
    task.add(vec![NewJob::new("[]")], rules, NOW).await.unwrap();
    let claimed = task.claim(1, NOW).await.unwrap().jobs;
    let (id, run, end) = (claimed[0].id, claimed[0].run, End::Outcome(outcome));
    let finish = Finish { id, run, end, progress: None, cost, with_snapshot: false, chance: 0.5 };
    task.finish(finish, false, rules, NOW).await.unwrap();
    id
}

/// Returns the digest and the deployment of each attempt of a job.
async fn code_of_attempts(task: &dyn TaskStore, id: JobId) -> Vec<(String, Option<u64>)> {
    let attempts = task.history(id).await.unwrap().unwrap().attempts;
    let costs = attempts.into_iter().filter_map(|attempt| attempt.cost);
    costs.map(|cost| (cost.digest.to_string(), cost.deployment)).collect()
}

#[tokio::test]
async fn components_that_no_job_has_any_more_are_removed() {
    let files = Directory::fresh();
    let retry = RetryPolicy { retries: 1, delay_ms: 1_000_000, ..RetryPolicy::default() };
    let rules = Arc::new(Rules { retry, ..Rules::default() });
    let store = files.store();
    let task = store.open(&TaskKey::new("default", "bench"), &rules, NOW, Arc::new(())).await.unwrap();
    let success = || Outcome::Success("1".into());
    let kept = run(&*task, &rules, success(), cost("kept", 1)).await;
    // It waits for its second attempt, and the first one has a row of its own.
    let failed = Outcome::failure(FailureKind::Failed, Problem::new("busy", "the service is busy"));
    let retried = run(&*task, &rules, failed, cost("retried", 1)).await;
    let rows = || files.connect().query_row("SELECT count(*) FROM components", [], |row| row.get::<_, i64>(0)).unwrap();
    let mut most = 0;
    for deployment in 2..100 {
        let id = run(&*task, &rules, success(), cost("changed", deployment)).await;
        // The code of the first deployment runs again now and then, also while components are swept.
        if deployment % 7 == 0 {
            let again = run(&*task, &rules, success(), cost("kept", 1)).await;
            task.change(again, Change::Delete, &rules, NOW).await.unwrap();
        }
        task.change(id, Change::Delete, &rules, NOW).await.unwrap();
        most = most.max(rows());
    }
    assert!((3..30).contains(&most), "{most} components of 98 deployments");
    for (id, digest) in [(kept, "kept"), (retried, "retried")] {
        assert_eq!(code_of_attempts(&*task, id).await, [(digest.to_owned(), Some(1))]);
    }
    let last = run(&*task, &rules, success(), cost("changed", 99)).await;
    drop((task, store));
    let store = files.store();
    let task = store.open(&TaskKey::new("default", "bench"), &rules, NOW, Arc::new(())).await.unwrap();
    assert_eq!(code_of_attempts(&*task, last).await, [("changed".to_owned(), Some(99))]);
    assert_eq!(code_of_attempts(&*task, kept).await, [("kept".to_owned(), Some(1))]);
}
