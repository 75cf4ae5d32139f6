//! The ways to attack a host of untrusted components, one per row, with the tests that cover each. Prints how many rows
//! are closed and tested, with their numbers, and fails if a test that a row names does not exist. `tenants/hostile.rs` makes
//! those that a tenant can make one after the other, beside an honest tenant.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

/// A way to attack a host.
struct Row {
    number: u32,
    /// The harm in an unprotected host.
    danger: &'static str,
    /// `FILE::TEST`, where `FILE` is a path from the root of the repository; empty if the row is open.
    tests: &'static [&'static str],
}

const fn row(number: u32, danger: &'static str, tests: &'static [&'static str]) -> Row {
    Row { number, danger, tests }
}

const ROWS: [Row; 50] = [
    row(
        1,
        "a guest spins and blocks its thread forever",
        &[
            "tests/tests/hostile/time.rs::spin",
            "tests/tests/hostile/crafted.rs::spin_in_realloc",
            "tests/tests/hostile/crafted.rs::spin_in_post_return",
        ],
    ),
    row(2, "a call cannot be cancelled", &["tests/tests/hostile/together.rs::cancel_at_random_times"]),
    row(
        3,
        "a guest waits in the host, where the epoch does not interrupt it",
        &["tests/tests/hostile/time.rs::sleep_an_hour", "tests/tests/hostile/time.rs::poll_without_waiting"],
    ),
    row(4, "start functions run before the deadline is armed", &["tests/tests/hostile/crafted.rs::spin_in_start"]),
    row(
        5,
        "time in the queue counts towards the timeout",
        &["tests/tests/jobs/attempts.rs::the_timeout_counts_from_the_start_of_the_attempt"],
    ),
    row(
        6,
        "the first call of every instance yields its thread",
        &["tests/tests/sandbox/room.rs::a_call_without_a_tick_does_not_yield_its_thread"],
    ),
    row(7, "bulk operations on memory check the epoch once", &["tests/tests/hostile/time.rs::copy_memory_forever"]),
    row(
        8,
        "a timeout looks like any other trap",
        &["tests/tests/hostile/time.rs::spin", "tests/tests/hostile/ends.rs::trap"],
    ),
    row(
        9,
        "each memory and table is limited, but not their number",
        &[
            "tests/tests/hostile/crafted.rs::grow_two_memories",
            "tests/tests/hostile/crafted.rs::grow_sixteen_memories",
            "tests/tests/hostile/crafted.rs::grow_sixteen_tables",
            "host/crates/sandbox/src/limiter.rs::sums_do_not_overflow",
        ],
    ),
    row(
        10,
        "one component uses up the whole pool",
        &["tests/tests/hostile/together.rs::two_components_compete_for_the_pool"],
    ),
    row(
        11,
        "a full pool fails jobs",
        &["tests/tests/sandbox/room.rs::calls_wait_for_a_full_pool_without_using_an_attempt"],
    ),
    row(
        12,
        "the host allocates as many bytes as a guest claims for a string",
        &[
            "tests/tests/hostile/memory.rs::answer_128_mib",
            "tests/tests/hostile/memory.rs::report_128_mib",
            "tests/tests/hostile/memory.rs::log_128_mib",
            "tests/tests/hostile/crafted.rs::answer_from_beyond_memory",
        ],
    ),
    row(
        13,
        "handles fill the host's tables",
        &["tests/tests/hostile/floods.rs::open_a_million_pollables", "tests/tests/hostile/handles.rs::hold_pollables"],
    ),
    row(
        14,
        "the table of resources accepts a million entries",
        &["tests/tests/hostile/floods.rs::open_a_million_streams"],
    ),
    row(
        15,
        "standard output floods the log or controls a terminal",
        &[
            "tests/tests/hostile/floods.rs::print_a_million_lines",
            "tests/tests/hostile/floods.rs::print_an_endless_line",
            "tests/tests/hostile/words.rs::print_escapes",
        ],
    ),
    row(16, "a guest draws gigabytes of random numbers", &["tests/tests/hostile/floods.rs::draw_a_gigabyte_at_once"]),
    row(17, "a guest reaches over HTTP what the host can reach", &["tests/tests/guests.rs::environment"]),
    row(18, "a guest reads files of the host", &["tests/tests/guests.rs::environment"]),
    row(19, "a guest opens sockets or looks up names", &["tests/tests/guests.rs::environment"]),
    row(20, "the host's environment and arguments leak", &["tests/tests/guests.rs::environment"]),
    row(21, "an instance is reused after a trap", &["tests/tests/hostile/ends.rs::count_my_calls"]),
    row(
        22,
        "instances accumulate in a store",
        &["tests/tests/hostile/ends.rs::an_instance_serves_as_many_jobs_as_configured"],
    ),
    row(
        23,
        "an attacker provides native code",
        &[
            "tests/tests/load_errors.rs::native_code",
            "tests/tests/load_errors.rs::the_hosts_own_native_code",
            "tests/tests/load_errors.rs::a_forged_cache_entry_is_not_used",
            "tests/tests/load_errors.rs::without_a_key_nothing_is_cached",
        ],
    ),
    row(
        24,
        "truncated, malformed or explosive files",
        &[
            "tests/tests/load_errors.rs::a_file_cut_at_every_4_kib",
            "tests/tests/load_errors.rs::hundred_megabytes",
            "tests/tests/load_errors.rs::fifty_thousand_functions",
            "tests/tests/bombs/compiler.rs::the_compiler_is_confined",
        ],
    ),
    row(25, "the text format is accepted as a component", &["tests/tests/load_errors.rs::text_format"]),
    row(
        26,
        "deep JSON overflows the stack",
        &[
            "tests/tests/hostile/words.rs::answer_deep_json",
            "tests/tests/hostile/words.rs::add_deep_json",
            "host/crates/json/src/reader.rs::accepts_128_levels_and_refuses_more_without_stack_overflow",
        ],
    ),
    row(27, "an instance finds data of another one in its memory", &["tests/tests/hostile/memory.rs::search_memory"]),
    row(
        28,
        "a guest's names reach logs unescaped",
        &["tests/tests/hostile/words.rs::fail_with_escapes", "tests/tests/hostile/words.rs::log_escapes"],
    ),
    row(29, "a host function panics", &["tests/tests/host_panics.rs::a_panic_in_the_processor_ends_its_attempt"]),
    row(
        30,
        "a guest reports progress a million times, with huge messages",
        &["tests/tests/hostile/floods.rs::report_a_million_times", "tests/tests/hostile/time.rs::report_forever"],
    ),
    row(
        31,
        "handlers multiply a guest's work",
        &[
            "tests/tests/jobs/failing_handlers.rs::handlers_that_never_end_do_no_harm",
            "tests/tests/jobs/failing_handlers.rs::handlers_that_trap_do_no_harm",
        ],
    ),
    row(
        32,
        "precise clocks reveal the activity of other tenants",
        &[
            "host/crates/sandbox/src/coarse_clock.rs::clocks_show_whole_milliseconds",
            "tests/tests/tenants/hostile.rs::an_honest_tenant_works_beside_every_attack_with_pooled_instances",
        ],
    ),
    row(
        33,
        "unused proposals widen the attack surface",
        &[
            "tests/tests/bombs/proposals.rs::unused_proposals_are_refused",
            "tests/tests/sandbox/proposals.rs::unsupported_proposals_are_named",
        ],
    ),
    row(
        34,
        "unknown imports become traps at run time",
        &["tests/tests/load_errors.rs::with_an_unknown_interface", "tests/tests/load_errors.rs::with_wasi_0_3"],
    ),
    row(35, "ordinary guests that import all of WASI do not load", &["tests/tests/guests.rs::environment"]),
    row(
        36,
        "a guest exits before its result",
        &["tests/tests/hostile/ends.rs::exit_zero", "tests/tests/hostile/ends.rs::exit_one"],
    ),
    row(
        37,
        "components of two engines are mixed",
        &["tests/tests/load_errors.rs::two_hosts_of_one_process_do_not_mix_their_engines"],
    ),
    row(38, "a reload disturbs running jobs", &["tests/tests/hostile/together.rs::reload_during_a_run"]),
    row(
        39,
        "memory behind handles is not counted",
        &[
            "tests/tests/hostile/handles.rs::set_long_methods",
            "tests/tests/hostile/handles.rs::fill_fields",
            "tests/tests/hostile/handles.rs::data_behind_handles_is_released_after_the_call",
        ],
    ),
    row(
        40,
        "nested types overflow the parser's stack",
        &[
            "tests/tests/bombs.rs::check_reports_each_bomb_with_its_reason_and_continues",
            "tests/tests/bombs.rs::bombs_are_refused_by_an_in_process_compiler_too",
        ],
    ),
    row(
        41,
        "instances multiply by nesting",
        &[
            "tests/tests/bombs.rs::a_pooling_host_works_beside_bombs",
            "tests/tests/bombs.rs::an_on_demand_host_works_beside_bombs",
        ],
    ),
    row(
        42,
        "the products of small counts explode in the compiler",
        &[
            "tests/tests/bombs.rs::check_reports_each_bomb_with_its_reason_and_continues",
            "tests/tests/bombs/compiler.rs::a_killed_compiler_is_a_load_error_of_its_plugin",
            "tests/tests/bombs/compiler.rs::a_compiler_that_reaches_a_limit_is_a_load_error_of_its_plugin",
            "host/crates/sandbox/src/compiler.rs::a_compiler_that_does_not_end_is_killed_at_its_time_limit",
            "tests/tests/bombs/mutations.rs::mutants_of_real_components_do_no_harm",
        ],
    ),
    row(
        43,
        "an app contains a cache of native code",
        &[
            "tests/tests/configuration/operator.rs::an_app_cannot_provide_compiled_code",
            "tests/tests/load_errors.rs::a_forged_cache_entry_is_not_used",
        ],
    ),
    row(
        44,
        "many readers of one large job use up the host's memory",
        &[
            "tests/tests/large_jobs.rs::four_hundred_readers_of_a_job_of_8_mib_on_disk",
            "tests/tests/large_jobs.rs::four_hundred_waiters_for_a_job_of_8_mib_on_disk",
        ],
    ),
    row(
        45,
        "guests fill the operator's log and disk",
        &[
            "tests/tests/observe/log.rs::lines_about_a_task_are_limited_and_counted",
            "tests/tests/keep_bytes.rs::a_chain_of_jobs_of_4_mib_stays_within_the_disk_limit_across_a_restart",
        ],
    ),
    row(
        46,
        "every plugin may read and cancel every job of its app",
        &[
            "tests/tests/jobs/access.rs::jobs_that_the_task_has_not_added_are_refused",
            "tests/tests/jobs/access.rs::next_finds_what_its_task_added",
        ],
    ),
    row(
        47,
        "a panic outside of an attempt ends a lane or slot",
        &[
            "tests/tests/host_panics.rs::a_panic_in_a_handler_keeps_its_lane_working",
            "tests/tests/host_panics.rs::a_panic_in_next_rejects_the_job",
        ],
    ),
    row(
        48,
        "all tenants share one queue for processors",
        &[
            "tests/tests/sandbox/turns.rs::tenants_compute_by_their_weights_however_many_slots_they_have",
            "tests/tests/soak/run.rs::honest_tenants_get_their_share_beside_hostile_ones_and_nothing_is_left",
        ],
    ),
    row(
        49,
        "output of one job appears in the log of the next",
        &[
            "tests/tests/sandbox/printing.rs::output_without_a_line_break_is_in_the_log_of_its_job",
            "tests/tests/sandbox/printing.rs::an_open_line_ends_with_its_call",
        ],
    ),
    row(
        50,
        "an instance that is nearly full fails the next job",
        &[
            "tests/tests/sandbox/leaking.rs::leaked_memory_does_not_fail_jobs",
            "tests/tests/sandbox/leaking.rs::leaked_handles_do_not_fail_jobs",
            "tests/tests/sandbox/leaking.rs::leaked_handles_of_own_resources_do_not_fail_jobs",
        ],
    ),
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the tests are in a folder of the repository").to_owned()
}

/// Returns why a test that a row names is invalid, or `None` if it exists and runs.
fn problem(name: &str) -> Option<String> {
    let (file, test) = name.split_once("::")?;
    let text = match fs::read_to_string(root().join(file)) {
        Ok(text) => text,
        Err(error) => return Some(format!("{file}: {error}")),
    };
    let lines: Vec<_> = text.lines().map(str::trim_start).collect();
    let heads = [format!("fn {test}("), format!("async fn {test}(")];
    let at = lines.iter().position(|line| heads.iter().any(|head| line.starts_with(head.as_str())));
    let Some(at) = at else { return Some(format!("{file} has no test `{test}`")) };
    let attributes: Vec<_> = lines[..at].iter().rev().take_while(|line| line.starts_with("#[")).collect();
    let is_test = attributes.iter().any(|line| line.contains("test"));
    let is_ignored = attributes.iter().any(|line| line.contains("ignore"));
    (!is_test || is_ignored).then(|| format!("{file}: `{test}` is not a test that runs"))
}

#[test]
fn every_row_names_existing_tests() {
    let numbers: Vec<_> = ROWS.iter().map(|row| row.number).collect();
    assert_eq!(numbers, (1..=50).collect::<Vec<_>>());
    let problems: Vec<_> = ROWS.iter().flat_map(|row| row.tests).filter_map(|test| problem(test)).collect();
    assert!(problems.is_empty(), "{problems:#?}");

    let (closed, open): (Vec<_>, Vec<_>) = ROWS.iter().partition(|row| !row.tests.is_empty());
    let list = |rows: &[&Row]| rows.iter().map(|row| row.number.to_string()).collect::<Vec<_>>().join(" ");
    let mut report = format!("{} of {} rows are closed and tested: {}\n", closed.len(), ROWS.len(), list(&closed));
    report.extend(open.iter().map(|row| format!("open: {} {}\n", row.number, row.danger)));
    // Unlike what is printed with `println!`, this is shown although the test passes.
    std::io::stdout().lock().write_all(report.as_bytes()).expect("standard output can be written");
    assert!(open.is_empty(), "rows without a test");
}

#[test]
fn a_row_with_an_unknown_test_is_reported() {
    for wrong in ["tests/tests/traps.rs::nothing", "tests/tests/nowhere.rs::spin", "tests/tests/traps.rs::problem"] {
        assert!(problem(wrong).is_some(), "{wrong}");
    }
    assert_eq!(problem("tests/tests/traps.rs::a_row_with_an_unknown_test_is_reported"), None);
}
