//! The behaviours of each hostile guest. The tests include this file: they do not compile if a behaviour has no test.

/// Calls `$then!` with the behaviours of `hostile_time`: guests that never return.
#[macro_export]
macro_rules! foreach_behaviour_of_time {
    ($then:ident) => {
        $then! {
            spin
            copy_memory_forever
            report_forever
            sleep_an_hour
            poll_without_waiting
            recurse_forever
            recurse_through_the_host
        }
    };
}

/// Calls `$then!` with the behaviours of `hostile_memory`: guests that use up the host's memory.
#[macro_export]
macro_rules! foreach_behaviour_of_memory {
    ($then:ident) => {
        $then! {
            leak_forever
            grow_until_refused
            allocate_a_gigabyte
            answer_128_mib
            answer_5_mib
            report_128_mib
            log_128_mib
            fill_memory
            search_memory
        }
    };
}

/// Calls `$then!` with the behaviours of `hostile_words`: guests that send invalid or malicious text.
#[macro_export]
macro_rules! foreach_behaviour_of_words {
    ($then:ident) => {
        $then! {
            answer_invalid_utf8
            report_invalid_utf8
            log_invalid_utf8
            answer_deep_json
            add_deep_json
            answer_invalid_json
            answer_nothing
            fail_with_invalid_json
            fail_with_megabytes
            fail_with_escapes
            log_escapes
            print_escapes
            report_escapes
            report_from_beyond_memory
        }
    };
}

/// Calls `$then!` with the behaviours of `hostile_floods`: guests that request a million of something.
#[macro_export]
macro_rules! foreach_behaviour_of_floods {
    ($then:ident) => {
        $then! {
            report_a_million_times
            log_a_million_lines
            print_a_million_lines
            print_an_endless_line
            open_a_million_pollables
            open_a_million_streams
            draw_a_gigabyte_at_once
            draw_a_gigabyte_in_pieces
            add_jobs_forever
        }
    };
}

/// Calls `$then!` with the behaviours of `hostile_handles`: guests that make the host store data behind handles.
#[macro_export]
macro_rules! foreach_behaviour_of_handles {
    ($then:ident) => {
        $then! {
            set_long_methods
            set_long_schemes
            set_long_authorities
            set_long_paths
            fill_fields
            fill_lists_of_fields
            fill_clones_of_fields
            overfill_fields
            fill_bodies
            fill_responses
            hold_pollables
        }
    };
}

/// Calls `$then!` with the behaviours of `hostile_ends`: guests that end incorrectly, and one that has state.
#[macro_export]
macro_rules! foreach_behaviour_of_ends {
    ($then:ident) => {
        $then! {
            trap
            panic_with_a_message
            exit_zero
            exit_one
            count_my_calls
        }
    };
}
