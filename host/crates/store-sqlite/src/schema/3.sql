-- Version 3: the bytes counted for the jobs of a task (`kept_bytes.rs`). Counted here once, maintained from then on.

ALTER TABLE tasks ADD COLUMN kept_bytes INTEGER NOT NULL DEFAULT 0;

UPDATE tasks SET kept_bytes =
    (SELECT coalesce(sum(256 + coalesce(octet_length(args), 0) + coalesce(octet_length(response), 0)), 0)
        FROM jobs WHERE job BETWEEN tasks.task << 43 AND (tasks.task + 1 << 43) - 1)
    + (SELECT coalesce(sum(octet_length(text)), 0)
        FROM long_args WHERE job BETWEEN tasks.task << 43 AND (tasks.task + 1 << 43) - 1)
    + (SELECT coalesce(sum(octet_length(text)), 0)
        FROM long_responses WHERE job BETWEEN tasks.task << 43 AND (tasks.task + 1 << 43) - 1)
    + (SELECT coalesce(sum(coalesce(octet_length(code), 0) + coalesce(octet_length(message), 0)
            + coalesce(octet_length(details.details), 0) + coalesce(octet_length(progress_message), 0)
            + coalesce(octet_length(parent_tenant), 0) + coalesce(octet_length(parent_task), 0)
            + coalesce(octet_length(trace_parent), 0) + coalesce(octet_length(key), 0)
            + coalesce(octet_length(fingerprint), 0)), 0)
        FROM details WHERE job BETWEEN tasks.task << 43 AND (tasks.task + 1 << 43) - 1)
    + (SELECT coalesce(sum(coalesce(octet_length(code), 0) + coalesce(octet_length(message), 0)), 0)
        FROM attempts WHERE job BETWEEN tasks.task << 43 AND (tasks.task + 1 << 43) - 1)
    + (SELECT coalesce(sum(guest_bytes + host_bytes + 64 * (guest_lines + host_lines)), 0)
        FROM logs WHERE job BETWEEN tasks.task << 43 AND (tasks.task + 1 << 43) - 1);
