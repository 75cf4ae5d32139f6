//! The machine's clock is set while the real binary runs: ahead for a short time, behind for a short time, and back. A
//! small preloaded library shifts the time of day by the number in a file, for this process alone.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use saggar_tests::app::App;
use saggar_tests::guests;
use saggar_tests::server::Server;
use serde_json::{Value, json};

const SHIFTED_CLOCK: &str = r#"
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

int clock_gettime(clockid_t clock, struct timespec *at) {
    static int (*real)(clockid_t, struct timespec *);
    if (!real) real = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
    int answer = real(clock, at);
    const char *path = getenv("SHIFTED_BY");
    int file = answer == 0 && clock == CLOCK_REALTIME && path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    if (file >= 0) {
        char text[32] = { 0 };
        if (read(file, text, sizeof text - 1) > 0) at->tv_sec += atol(text);
        close(file);
    }
    return answer;
}
"#;

const HOUR_S: i64 = 3_600;

/// Compiles the library into `directory`.
fn shifted_clock(directory: &Path) -> PathBuf {
    let (source, library) = (directory.join("clock.c"), directory.join("clock.so"));
    std::fs::write(&source, SHIFTED_CLOCK).expect("the directory is ours");
    let compiled = Command::new("cc").args(["-shared", "-fPIC", "-o"]).args([&library, &source]).arg("-ldl").status();
    assert!(compiled.expect("there is a C compiler").success());
    library
}

/// Returns a time as text that sorts like the time.
fn time(job: &Value, name: &str) -> String {
    job[name].as_str().unwrap_or_else(|| panic!("no `{name}`: {job}")).to_owned()
}

/// Returns the minute of the day.
fn minute(at: &str) -> i64 {
    let number = |at: Option<&str>| at.and_then(|digits| digits.parse::<i64>().ok()).expect("digits");
    number(at.get(11..13)) * 60 + number(at.get(14..16))
}

/// Delays and retries take the configured time whatever the clock shows meanwhile, and so do later ones.
#[tokio::test(flavor = "multi_thread")]
async fn a_temporarily_wrong_clock_does_not_change_delays_retries_or_rates() {
    let app = App::new()
        .simple_task("echo", guests::ECHO)
        .plugin("failing", guests::FAILING)
        .task("failing", &json!({ "process": "plugins.failing", "attempts": 1, "attempt_after": 1_200 }));
    let (library, shift) = (shifted_clock(app.path()), app.path().join("shift"));
    let set = |seconds: i64| std::fs::write(&shift, seconds.to_string()).expect("the directory is ours");
    set(0);
    let server = Server::start_as(&app, |serve| {
        serve.args(["--store", "memory", "--log-format", "json"]).env("LD_PRELOAD", library).env("SHIFTED_BY", &shift)
    });
    let first = server.add("echo", &json!({})).await;
    let (began, elapsed) = (time(&server.ended("echo", first).await, "added_at"), Instant::now());
    let (mut jobs, mut echoes) = (Vec::new(), 1);
    for seconds in [0, HOUR_S, 0, -HOUR_S, 0] {
        set(seconds);
        // Both take longer than a second, after which the host reads the clock again.
        let delayed = server.add("echo", &json!({ "delay_ms": 1_200 })).await;
        let failing = server.add("failing", &json!({ "args": ["retry", 9, 0] })).await;
        jobs.push(server.ended("echo", delayed).await);
        jobs.push(server.ended("failing", failing).await);
        // A job that is added while the clock is wrong, and due when it is right.
        let later = server.add("echo", &json!({ "delay_ms": 1_200 })).await;
        set(0);
        jobs.push(server.ended("echo", later).await);
        echoes += 2;
    }
    let now = time(jobs.last().expect("many jobs"), "ended_at");
    assert!((minute(&now) - minute(&began)).rem_euclid(24 * 60) < 30, "from {began} to {now}");
    for job in &jobs {
        for at in [time(job, "added_at"), time(job, "ended_at")] {
            assert!((&began..=&now).contains(&&at), "not between {began} and {now}: {job}");
        }
    }
    let rate = server.get("/v1/tasks/echo").await.body["rates"]["succeeded"].clone();
    assert_eq!(rate["total"], echoes);
    let expected = f64::from(echoes) / elapsed.elapsed().as_secs_f64().clamp(1.0, 60.0);
    let per_second = rate["per_second"].as_f64().expect("a number");
    assert!((expected / 2.0..expected * 2.0).contains(&per_second), "{rate}, and not about {expected}");
    // The log's own times show that the clock was wrong.
    let log: Vec<Value> = server.stop().iter().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let failed = log.iter().filter(|line| line["message"] == "a job has failed");
    let hours: Vec<i64> = failed
        .map(|line| ((minute(&time(line, "timestamp")) - minute(&began) + 30).rem_euclid(24 * 60)) / 60)
        .collect();
    assert_eq!(hours, [0, 1, 0, 23, 0]);
}
