//! Attacks that are one job of the hostile tenant: each behaviour of each hostile guest, and how the job ends.

use std::collections::BTreeSet;

use saggar_tests::{
    foreach_attack, foreach_behaviour_of_ends, foreach_behaviour_of_floods, foreach_behaviour_of_handles,
    foreach_behaviour_of_memory, foreach_behaviour_of_time, foreach_behaviour_of_words,
};
use serde_json::{Value, json};

use super::components::REFUSED_ATTACKS;
use super::two_tenants::TwoTenants;

/// A job of the hostile tenant.
struct HostileJob {
    /// The number of the attack in `tests/tests/traps.rs`.
    trap: u32,
    task: &'static str,
    behaviour: &'static str,
    end: End,
}

/// How a job ends.
enum End {
    /// It succeeds, and does no harm.
    Well,
    /// It fails for this reason, with this code.
    Fails(&'static str, &'static str),
    /// It is rejected with a code that the guest has chosen.
    RejectsItself,
}

const TIMEOUT: End = End::Fails("timeout", "timeout");
const TRAP: End = End::Fails("trap", "trap");
const NO_STACK: End = End::Fails("trap", "stack-overflow");
const NO_MEMORY: End = End::Fails("out-of-memory", "out-of-memory");
const NO_ANSWER: End = End::Fails("trap", "invalid-response");
const EXIT: End = End::Fails("trap", "exit");
const NO_HANDLES: End = End::Fails("trap", "handle-limit");
const LONG_ANSWER: End = End::Fails("trap", "response-too-large");
const LONG_ARGUMENT: End = End::Fails("trap", "argument-too-large");

const fn job(trap: u32, task: &'static str, behaviour: &'static str, end: End) -> HostileJob {
    HostileJob { trap, task, behaviour, end }
}

/// Guests that the bindings allow.
const JOBS: &[HostileJob] = &[
    job(1, "time", "spin", TIMEOUT),
    job(3, "time", "sleep_an_hour", TIMEOUT),
    job(3, "time", "poll_without_waiting", TIMEOUT),
    job(7, "time", "copy_memory_forever", TIMEOUT),
    job(30, "time", "report_forever", TIMEOUT),
    job(26, "time", "recurse_forever", NO_STACK),
    job(26, "time-long", "recurse_through_the_host", NO_STACK),
    job(9, "memory", "leak_forever", NO_MEMORY),
    job(9, "memory", "grow_until_refused", End::Well),
    job(9, "memory", "allocate_a_gigabyte", NO_MEMORY),
    job(12, "memory-large", "answer_128_mib", LONG_ANSWER),
    job(12, "memory-large", "answer_5_mib", LONG_ANSWER),
    job(12, "memory-large", "report_128_mib", LONG_ARGUMENT),
    job(12, "memory-large", "log_128_mib", LONG_ARGUMENT),
    job(27, "memory", "fill_memory", End::Well),
    job(27, "memory", "search_memory", End::Well),
    job(12, "words", "answer_invalid_utf8", TRAP),
    job(12, "words", "report_invalid_utf8", TRAP),
    job(12, "words", "log_invalid_utf8", TRAP),
    job(12, "words", "report_from_beyond_memory", TRAP),
    job(26, "words", "answer_deep_json", NO_ANSWER),
    job(26, "words", "add_deep_json", End::Fails("rejected", "invalid-args")),
    job(36, "words", "answer_invalid_json", NO_ANSWER),
    job(36, "words", "answer_nothing", NO_ANSWER),
    job(28, "words", "fail_with_invalid_json", End::Fails("rejected", "odd")),
    job(28, "words", "fail_with_megabytes", End::RejectsItself),
    job(28, "words", "fail_with_escapes", End::RejectsItself),
    job(28, "words", "log_escapes", End::Well),
    job(28, "words", "report_escapes", End::Well),
    job(15, "words", "print_escapes", End::Well),
    job(30, "floods", "report_a_million_times", End::Well),
    job(45, "floods", "log_a_million_lines", End::Well),
    job(15, "floods", "print_a_million_lines", End::Well),
    job(15, "floods", "print_an_endless_line", End::Well),
    job(13, "floods", "open_a_million_pollables", NO_HANDLES),
    job(14, "floods", "open_a_million_streams", NO_HANDLES),
    job(16, "floods", "draw_a_gigabyte_at_once", End::Fails("trap", "random-limit")),
    job(16, "floods", "draw_a_gigabyte_in_pieces", End::Well),
    job(45, "floods", "add_jobs_forever", End::Well),
    job(39, "handles", "set_long_methods", End::Well),
    job(39, "handles", "set_long_schemes", End::Well),
    job(39, "handles", "set_long_authorities", End::Well),
    job(39, "handles", "set_long_paths", End::Well),
    job(39, "handles", "fill_fields", End::Well),
    job(39, "handles", "fill_lists_of_fields", End::Well),
    job(39, "handles", "fill_clones_of_fields", End::Well),
    job(39, "handles", "overfill_fields", End::Fails("trap", "fields-too-large")),
    job(39, "handles", "fill_bodies", End::Well),
    job(39, "handles", "fill_responses", End::Well),
    job(39, "handles-small", "fill_fields", NO_MEMORY),
    job(39, "handles-small", "fill_bodies", NO_MEMORY),
    job(39, "handles-small", "fill_responses", NO_MEMORY),
    job(13, "handles", "hold_pollables", End::Well),
    job(8, "ends", "trap", TRAP),
    job(21, "ends", "panic_with_a_message", TRAP),
    job(36, "ends", "exit_zero", EXIT),
    job(36, "ends", "exit_one", EXIT),
    job(21, "ends", "count_my_calls", End::Well),
    // Below the level of the bindings: the task has the name of the attack.
    job(4, "spin_in_start", "attack", TIMEOUT),
    job(1, "spin_in_realloc", "attack", TIMEOUT),
    job(1, "spin_in_post_return", "attack", TIMEOUT),
    job(21, "trap_in_post_return", "attack", TRAP),
    job(12, "allocate_beyond_memory", "attack", TRAP),
    job(12, "answer_from_beyond_memory", "attack", TRAP),
    job(12, "answer_area_beyond_memory", "attack", TRAP),
    job(12, "answer_area_at_an_odd_address", "attack", TRAP),
    job(12, "answer_an_unknown_case", "attack", TRAP),
    job(26, "dive", "attack", NO_STACK),
    job(9, "grow_two_memories", "attack", NO_MEMORY),
    job(9, "grow_a_table", "attack", NO_MEMORY),
    job(9, "grow_sixteen_tables", "attack", NO_MEMORY),
];

macro_rules! names {
    ($($name:ident)*) => { &[$(stringify!($name)),*] };
}

/// All attacks below the level of the bindings.
const ATTACKS: &[&str] = foreach_attack!(names);

/// Returns the attacks below the level of the bindings that a host loads.
pub(super) fn loaded_attacks() -> impl Iterator<Item = &'static str> {
    ATTACKS.iter().copied().filter(|name| !REFUSED_ATTACKS.contains(name))
}

/// Makes all of these attacks, one after the other.
pub(super) async fn run_all(host: &mut TwoTenants) {
    // The jobs that guests add are not run, so that their number reaches the limit of the task.
    assert_eq!(host.hostile().act("/v1/tasks/journal/pause").await.status, 204);
    let mut wrong = Vec::new();
    for job in JOBS {
        let HostileJob { trap, task, behaviour, end } = job;
        let ended = host.run(task, &json!([behaviour])).await;
        if !is_as_documented(end, &ended) {
            wrong.push(format!("{behaviour} of {task}: {ended}"));
        }
        host.withstood(&[*trap], &format!("{behaviour} of {task}")).await;
    }
    assert!(wrong.is_empty(), "these ended in another way: {wrong:#?}");
}

fn is_as_documented(end: &End, job: &Value) -> bool {
    let (status, reason, code) = (&job["status"], &job["reason"], &job["problem"]["code"]);
    match end {
        End::Well => status == "SUCCESS",
        End::Fails(expected, problem) => status == "FAILURE" && reason == expected && code == problem,
        End::RejectsItself => status == "FAILURE" && reason == "rejected",
    }
}

#[test]
fn every_behaviour_of_every_hostile_guest_is_tried() {
    let guest_of = |task: &'static str| task.split('-').next().unwrap_or(task);
    let tried: BTreeSet<_> = JOBS.iter().map(|job| (guest_of(job.task), job.behaviour)).collect();
    let behaviours: [(&str, &[&str]); 6] = [
        ("time", foreach_behaviour_of_time!(names)),
        ("memory", foreach_behaviour_of_memory!(names)),
        ("words", foreach_behaviour_of_words!(names)),
        ("floods", foreach_behaviour_of_floods!(names)),
        ("handles", foreach_behaviour_of_handles!(names)),
        ("ends", foreach_behaviour_of_ends!(names)),
    ];
    let guests = behaviours.iter().flat_map(|(guest, names)| names.iter().map(move |name| (*guest, *name)));
    let attacks = loaded_attacks().map(|name| (name, "attack"));
    assert_eq!(tried, guests.chain(attacks).collect::<BTreeSet<_>>());
}
