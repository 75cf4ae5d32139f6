//! The list of all promises, and the macro that makes a test of each of them for one store.

/// Makes one `#[tokio::test]` of every promise, in a module for each subject, for the stores of `$locations`: an
/// expression for a [`Locations`](crate::conformance::Locations). Every test evaluates it anew. To be called in a module
/// of its own, in a crate with the macros of tokio:
///
/// ```ignore
/// mod conformance {
///     saggar_store::conformance_tests!(saggar_store::conformance::InMemory);
/// }
/// ```
#[macro_export]
macro_rules! conformance_tests {
    ($locations:expr) => {
        fn locations() -> impl $crate::conformance::Locations {
            $locations
        }

        $crate::with_promises! { $crate::tests_of_promises }
    };
}

/// Calls a macro with all promises by their subject, which is the module of their functions. This is the only list of
/// them: a promise that is missing here is dead code.
#[doc(hidden)]
#[macro_export]
macro_rules! with_promises {
    ($($callback:tt)+) => {
        $($callback)+! {
            adding {
                an_added_job_is_stored_as_given,
                ids_continue_from_the_highest,
                invalid_and_duplicate_ids_are_refused,
                the_counter_can_be_exhausted,
                a_batch_is_added_whole_or_not_at_all,
                a_full_queue_refuses_new_jobs,
                delayed_jobs_have_their_own_limit,
                jobs_on_hold_count_as_ready,
                tasks_are_independent,
            }
            naming {
                a_key_returns_the_same_job_while_it_is_stored,
                a_unique_job_exists_once_while_it_waits_or_runs,
                keys_and_fingerprints_apply_within_a_batch,
                reusing_a_key_for_another_job_is_refused,
                a_duplicate_needs_no_room_in_the_queue,
            }
            ready_queue {
                ready_jobs_are_claimed_in_order,
                priority_goes_before_age,
                a_delayed_job_is_claimed_when_it_is_due,
                a_job_gets_its_position_when_it_becomes_ready,
                a_requeued_or_lost_job_keeps_its_position,
                a_job_keeps_its_position_when_the_process_dies,
                a_due_job_stays_due_when_the_clock_goes_back,
                the_longest_delay_does_not_overflow,
                many_jobs_due_at_once_are_all_claimed,
                a_long_queue_keeps_its_order,
            }
            attempts {
                a_job_runs_and_succeeds,
                a_failed_job_is_retried_until_its_attempts_are_used_up,
                each_outcome_fails_the_job_with_its_reason,
                a_stale_claim_is_refused,
                a_requeued_attempt_does_not_count,
                a_released_claim_leaves_no_trace,
                a_new_attempt_clears_the_progress,
                finish_can_claim_the_next_job_in_the_same_step,
                every_attempt_leaves_a_record,
                a_lost_attempt_is_retried_even_without_retries,
                the_first_and_the_latest_records_are_kept,
            }
            observing {
                each_change_is_observed_once_and_in_order,
                refused_steps_are_not_observed,
                events_of_all_tasks_come_in_one_order,
                hints_say_what_can_be_claimed_and_when,
                may_claim_is_true_while_jobs_wait,
            }
            cancelling {
                a_waiting_job_ends_at_once,
                a_running_job_gets_no_other_attempt,
                an_ended_job_cannot_be_cancelled,
            }
            dropping {
                claims_of_a_dropped_caller_leave_no_trace,
                a_dropped_finish_happens_wholly_or_not_at_all_and_claims_nothing,
                callbacks_of_a_dropped_caller_are_claimed_again,
            }
            retrying {
                an_ended_job_can_be_retried,
                only_an_ended_job_without_pending_callbacks_is_retried,
                a_retried_job_stays_unique,
                retention_counts_from_the_last_end,
                a_deleted_job_leaves_nothing,
                a_running_job_is_not_deleted,
                deleting_a_job_removes_its_callbacks,
            }
            pausing {
                a_paused_task_starts_no_attempts,
                everything_else_continues_in_a_paused_task,
            }
            callbacks {
                a_job_on_hold_is_released_when_its_add_callback_is_settled,
                an_end_leaves_a_callback_only_if_the_task_has_the_handler,
                callbacks_are_claimed_in_order_and_once,
                a_callback_can_be_postponed,
                a_job_cancelled_on_hold_has_its_callbacks_in_order,
                settling_an_unknown_callback_does_nothing,
                add_callbacks_do_not_wait_behind_end_callbacks,
                a_job_is_released_when_its_add_callback_is_given_up,
                a_given_up_callback_is_shown_until_it_is_redelivered,
                a_deferred_callback_blocks_neither_retry_nor_retention,
                a_callback_that_is_being_delivered_is_not_removed,
                redelivery_keeps_the_order_of_a_jobs_callbacks,
                given_up_and_deferred_callbacks_survive_a_restart,
            }
            retention {
                a_log_keeps_its_lines_in_order,
                a_log_has_a_budget,
                ended_jobs_are_retained_as_configured,
                pruning_is_bounded_and_spares_jobs_with_pending_callbacks,
                pruning_counts_examined_jobs_and_long_logs_as_work,
                pruning_and_eviction_count_bytes_as_work,
            }
            recordings {
                a_recording_is_kept_with_its_job,
                the_last_attempt_with_a_recording_is_returned,
                the_oldest_recordings_of_a_task_are_removed,
                the_oldest_recordings_of_a_tenant_are_removed,
                the_tenant_with_the_most_recorded_bytes_makes_room_for_all,
                many_small_recordings_make_room_for_a_large_one,
                bytes_of_recordings_survive_a_restart_and_are_freed,
                pruning_counts_recordings_as_work,
                recordings_are_listed_in_pages,
                numbers_do_not_count_the_recordings_of_others,
                numbers_continue_when_others_pushed_out_all,
            }
            bounding {
                bytes_are_counted_and_freed,
                byte_counts_survive_a_restart,
                adding_is_refused_beyond_keep_bytes,
                the_jobs_that_ended_first_are_evicted,
                of_jobs_that_ended_at_once_successes_are_evicted_first,
                unfinished_jobs_are_not_evicted,
                evicted_jobs_with_a_deferred_callback_are_counted,
                the_byte_limit_of_the_store_covers_all_tasks,
                the_tenant_with_the_most_bytes_makes_room_for_all,
            }
            tenants {
                waiting_jobs_are_limited_over_all_tasks_of_a_tenant,
                every_way_to_wait_is_counted,
                bytes_are_limited_over_all_tasks_of_a_tenant,
                room_is_made_among_the_jobs_of_the_tenant,
                levels_survive_a_restart,
                steps_of_tenants_of_any_weight_are_all_done,
            }
            reading {
                peek_returns_a_job_unless_its_texts_are_large,
                counts_reflect_the_last_answered_step,
                may_have_callbacks_is_true_while_one_is_pending,
                may_prune_is_true_while_an_ended_job_is_stored,
                a_working_store_is_ready,
                the_clock_shows_the_time_of_day,
            }
            listing {
                a_list_shows_the_state_of_jobs,
                a_list_is_in_the_order_of_adding,
                a_list_can_be_filtered,
                a_running_job_is_found_by_its_live_progress,
                a_job_is_found_by_the_word_for_its_wait_or_its_cancellation,
                pages_stay_consistent_when_jobs_change_between_them,
                a_tenant_sees_all_its_tasks_and_no_others,
                cursors_do_not_count_the_jobs_of_other_tenants,
                a_page_is_bounded,
            }
            filtering {
                jobs_are_filtered_by_what_they_are,
                jobs_are_filtered_by_how_they_failed,
                jobs_are_filtered_by_their_last_attempt,
                jobs_are_filtered_by_their_arguments,
                named_jobs_are_found_by_an_index,
                tasks_are_filtered_by_patterns,
                a_list_ends_at_its_last_job,
                jobs_are_counted_as_they_are_listed,
            }
            auditing {
                entries_are_returned_as_appended_and_survive_a_restart,
                pages_of_the_audit_continue_and_count_only_what_they_show,
                a_tenant_with_many_entries_keeps_those_of_others,
                the_audit_of_a_tenant_is_removed_in_steps,
            }
            key_values {
                entries_are_written_read_and_deleted,
                only_the_expected_version_is_swapped,
                numbers_are_incremented,
                keys_are_listed_in_pages,
                tenants_have_their_own_entries,
                operations_of_many_callers_have_one_order,
                entries_survive_a_restart,
            }
            key_value_bounds {
                versions_only_grow,
                entries_expire,
                bounds_are_exact,
                expired_entries_make_room,
                expired_entries_are_removed_in_steps,
                keys_and_values_are_checked,
                a_removed_tenant_leaves_no_entries,
                random_operations_are_answered_as_in_memory,
            }
            deploying {
                deployments_are_numbered_and_survive_a_restart,
                pages_of_deployments_are_bounded,
                the_newest_deployments_are_kept,
                versions_are_kept_whole_and_survive_a_restart,
                the_versions_that_were_not_used_for_longest_are_evicted,
                the_deployments_of_a_tenant_are_removed,
            }
            process_death {
                answered_steps_survive_a_restart,
                interrupted_jobs_restart_at_once_and_the_attempt_counts,
                a_job_that_kills_every_process_fails,
                a_running_job_that_was_cancelled_ends_on_restart,
                pending_callbacks_survive_a_restart,
                the_ready_queue_keeps_its_order_over_restarts,
                keys_fingerprints_and_the_pause_survive_a_restart,
                opening_again_in_the_same_process_changes_nothing,
                the_tasks_of_earlier_processes_are_known,
            }
            removing {
                a_removed_tenant_leaves_nothing_and_others_keep_everything,
                a_removed_task_refuses_steps_and_can_come_back,
                what_is_removed_is_freed_in_steps_and_over_restarts,
            }
            unwanted {
                jobs_on_hold_are_released_when_the_add_handler_is_removed,
                ended_jobs_can_be_retried_and_pruned_when_their_handler_is_removed,
                callbacks_of_remaining_handlers_are_kept,
                a_cancelled_job_on_hold_is_settled_in_two_steps,
                postponed_callbacks_are_settled_and_claimed_ones_are_not,
                each_step_settles_a_bounded_number,
            }
        }
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! tests_of_promises {
    ($($subject:ident { $($promise:ident,)+ })+) => {$(
        mod $subject {
            $(
                #[tokio::test]
                async fn $promise() {
                    $crate::conformance::promises::$subject::$promise(&super::locations()).await;
                }
            )+
        }
    )+};
}

/// Exports the functions of all promises.
macro_rules! export_promises {
    ($($subject:ident { $($promise:ident,)+ })+) => {$(
        pub mod $subject {
            use crate::conformance::{Locations, $subject};

            $(
                pub async fn $promise(locations: &dyn Locations) {
                    $subject::$promise(locations).await;
                }
            )+
        }
    )+};
}

with_promises! { export_promises }

#[cfg(test)]
mod tests;
