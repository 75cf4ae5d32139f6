/* The library of saggar_guest.h: the canonical ABI of the contract in `wit/`, by hand. */

#include "saggar_text.h"

#include <string.h>

/* Results */

saggar_result saggar_ok(saggar_text response) {
    saggar_result result = {.outcome = SAGGAR_OK, .response = response};
    return result;
}

saggar_result saggar_fail(saggar_outcome outcome, saggar_problem problem) {
    saggar_result result = {.outcome = outcome, .problem = problem};
    return result;
}

static saggar_problem problem_of(const char *code, const char *message) {
    saggar_problem problem = {saggar_str(code), saggar_str(message), NONE};
    return problem;
}

saggar_result saggar_retry(const char *code, const char *message) {
    return saggar_fail(SAGGAR_RETRY, problem_of(code, message));
}

saggar_result saggar_retry_after(uint64_t delay_ms, const char *code, const char *message) {
    saggar_result result = saggar_fail(SAGGAR_RETRY_AFTER, problem_of(code, message));
    result.delay_ms = delay_ms;
    return result;
}

saggar_result saggar_reject(const char *code, const char *message) {
    return saggar_fail(SAGGAR_REJECT, problem_of(code, message));
}

/* Records of the canonical ABI */

typedef struct { const char *data; size_t length; } abi_text;
typedef struct { uint8_t is_some; abi_text text; } abi_optional_text;
typedef struct { abi_text code, message; abi_optional_text details; } abi_problem;
typedef struct { uint8_t is_some; uint64_t number; } abi_optional_number;

static abi_text lower(saggar_text text) {
    abi_text lowered = {text.data, text.length};
    return lowered;
}

static abi_problem lower_problem(const saggar_problem *problem) {
    abi_problem lowered = {lower(problem->code), lower(problem->message), {problem->details.data != NULL, lower(problem->details)}};
    return lowered;
}

static saggar_text lift_optional(const abi_optional_text *text) {
    return text->is_some ? taken(text->text.data, text->text.length) : NONE;
}

static bool lift_problem(const abi_problem *raised, saggar_problem *problem) {
    saggar_problem lifted = {
        taken(raised->code.data, raised->code.length),
        taken(raised->message.data, raised->message.length),
        lift_optional(&raised->details),
    };
    if (problem != NULL) *problem = lifted;
    return false;
}

/* Imports */

#define IMPORT(interface, name) __attribute__((import_module("saggar:task/" interface "@0.1.0"), import_name(name))) extern

IMPORT("context", "id") uint64_t import_id(void);
IMPORT("context", "task") void import_task(abi_text *);
IMPORT("context", "attempt") uint32_t import_attempt(void);
IMPORT("context", "max-attempts") uint32_t import_max_attempts(void);
IMPORT("context", "handler") void import_handler(abi_optional_text *);
IMPORT("context", "remaining-ms") void import_remaining_ms(abi_optional_number *);
IMPORT("context", "is-cancelled") uint32_t import_is_cancelled(void);
IMPORT("context", "trace-parent") void import_trace_parent(abi_optional_text *);
IMPORT("progress", "report") void import_report(uint64_t, uint64_t, const char *, size_t);
IMPORT("log", "write") void import_write(uint32_t, const char *, size_t);

typedef struct { uint8_t is_error; union { uint64_t id; abi_problem problem; } value; } abi_added;
typedef struct {
    uint64_t id;
    uint8_t status;
    uint64_t current, total;
    abi_text message;
    abi_optional_text response;
} abi_job;
typedef struct { uint8_t is_error; union { abi_job job; abi_problem problem; } value; } abi_found;
typedef struct { uint8_t is_error; abi_problem problem; } abi_done;

IMPORT("tasks", "add-with")
void import_add_with(const char *, size_t, const char *, size_t, const char *, size_t, abi_added *);
IMPORT("tasks", "get") void import_get(const char *, size_t, uint64_t, abi_found *);
IMPORT("tasks", "cancel") void import_cancel(const char *, size_t, uint64_t, abi_done *);

uint64_t saggar_id(void) { return import_id(); }
uint32_t saggar_attempt(void) { return import_attempt(); }
uint32_t saggar_max_attempts(void) { return import_max_attempts(); }
bool saggar_is_cancelled(void) { return import_is_cancelled() != 0; }

saggar_text saggar_task(void) {
    abi_text task;
    import_task(&task);
    return taken(task.data, task.length);
}

bool saggar_remaining_ms(uint64_t *remaining_ms) {
    abi_optional_number remaining;
    import_remaining_ms(&remaining);
    if (remaining.is_some) *remaining_ms = remaining.number;
    return remaining.is_some;
}

saggar_text saggar_trace_parent(void) {
    abi_optional_text trace_parent;
    import_trace_parent(&trace_parent);
    return lift_optional(&trace_parent);
}

void saggar_progress(uint64_t current, uint64_t total, const char *message) {
    import_report(current, total, message, strlen(message));
}

void saggar_log_text(saggar_level level, saggar_text message) { import_write(level, message.data, message.length); }

void saggar_log(saggar_level level, const char *message) { saggar_log_text(level, saggar_str(message)); }

/* Tasks */

/* The role of the running call; NULL if the host does not repeat the call identically. */
static const char *call_role;
static uint64_t call_adds;

static const saggar_options NO_OPTIONS;

/* Writes the options as JSON. Returns whether the key is that of the position `number`. */
static bool write_options(buffer *to, const saggar_options *options, uint64_t number) {
    bool is_derived = call_role != NULL && !options->without_key && options->key == NULL;
    append_str(to, "{\"priority\":");
    if (options->priority < 0) append_str(to, "-");
    append_u64(to, options->priority < 0 ? 0 - (uint64_t)options->priority : (uint64_t)options->priority);
    if (is_derived || (options->key != NULL && !options->without_key)) {
        buffer key = {0};
        if (is_derived) {
            saggar_text task = saggar_task();
            append(&key, task.data, task.length);
            append_str(&key, "/");
            append_u64(&key, saggar_id());
            append_str(&key, "/");
            append_str(&key, call_role);
            append_str(&key, "/");
            append_u64(&key, number);
        } else {
            append_str(&key, options->key);
        }
        saggar_text quoted = saggar_quote(finished(key));
        append_str(to, ",\"key\":");
        append(to, quoted.data, quoted.length);
    }
    if (options->unique != NULL) {
        append_str(to, ",\"unique\":");
        append_str(to, options->unique);
    }
    if (options->delay_ms > 0) {
        append_str(to, ",\"delay_ms\":");
        append_u64(to, options->delay_ms);
    }
    if (options->run_at != NULL) {
        saggar_text quoted = saggar_quote(saggar_str(options->run_at));
        append_str(to, ",\"run_at\":");
        append(to, quoted.data, quoted.length);
    }
    append_str(to, "}");
    return is_derived;
}

static void explain_reused(saggar_problem *problem, uint64_t number) {
    buffer message = {0};
    append_str(&message, "job number ");
    append_u64(&message, number);
    append_str(&message, " (from 0) that this call adds differs from the one that the same call added before: add the same "
                         "jobs in the same order each time, or give the job its own key or none (saggar_options); ");
    append(&message, problem->message.data, problem->message.length);
    problem->message = finished(message);
}

bool saggar_add_with(const char *task, const char *args, const saggar_options *options, uint64_t *id, saggar_problem *problem) {
    /* Each add counts as a position, even if it does not use the position's key. */
    uint64_t number = call_adds++;
    buffer json = {0};
    bool is_derived = write_options(&json, options == NULL ? &NO_OPTIONS : options, number);
    abi_added added;
    import_add_with(task, strlen(task), args, strlen(args), json.data, json.length, &added);
    if (added.is_error) {
        lift_problem(&added.value.problem, problem);
        if (is_derived && problem != NULL && saggar_equal(problem->code, "key-reused")) explain_reused(problem, number);
        return false;
    }
    if (id != NULL) *id = added.value.id;
    return true;
}

bool saggar_add(const char *task, const char *args, uint64_t *id, saggar_problem *problem) {
    return saggar_add_with(task, args, NULL, id, problem);
}

bool saggar_get(const char *task, uint64_t id, saggar_job *job, saggar_problem *problem) {
    abi_found found;
    import_get(task, strlen(task), id, &found);
    if (found.is_error) return lift_problem(&found.value.problem, problem);
    const abi_job *raw = &found.value.job;
    job->id = raw->id;
    job->status = (saggar_status)raw->status;
    job->current = raw->current;
    job->total = raw->total;
    job->message = taken(raw->message.data, raw->message.length);
    job->response = lift_optional(&raw->response);
    return true;
}

bool saggar_cancel(const char *task, uint64_t id, saggar_problem *problem) {
    abi_done done;
    import_cancel(task, strlen(task), id, &done);
    return done.is_error ? lift_problem(&done.problem, problem) : true;
}

/* The key-value store */

typedef struct { abi_text value; uint64_t version; abi_optional_number expires_in_ms; } abi_entry;
typedef struct { uint8_t is_some; abi_entry entry; } abi_optional_entry;
typedef struct { uint8_t is_error; union { abi_optional_entry found; abi_problem problem; } value; } abi_got;
typedef struct { uint8_t is_error; union { abi_optional_number version; abi_problem problem; } value; } abi_swapped;
typedef struct { uint8_t is_error; union { int64_t sum; abi_problem problem; } value; } abi_sum;
typedef struct { uint8_t is_error; union { uint8_t was_removed; abi_problem problem; } value; } abi_removed;
typedef struct { const abi_text *keys; size_t count; abi_optional_text next; } abi_page;
typedef struct { uint8_t is_error; union { abi_page page; abi_problem problem; } value; } abi_listed;

_Static_assert(offsetof(abi_got, value.found.entry.expires_in_ms) == 32 && sizeof(abi_got) == 48, "the layout of kv.get");
_Static_assert(offsetof(abi_swapped, value.version.number) == 16, "the layout of kv.compare-and-swap");
_Static_assert(offsetof(abi_removed, value) == 4 && offsetof(abi_listed, value.page.next) == 12, "the layout of kv.keys");

IMPORT("kv", "get") void import_kv_get(const char *, size_t, abi_got *);
IMPORT("kv", "set") void import_kv_set(const char *, size_t, const char *, size_t, uint32_t, uint64_t, abi_added *);
IMPORT("kv", "compare-and-swap")
void import_kv_swap(const char *, size_t, uint32_t, uint64_t, const char *, size_t, uint32_t, uint64_t, abi_swapped *);
IMPORT("kv", "increment") void import_kv_increment(const char *, size_t, int64_t, uint32_t, uint64_t, abi_sum *);
IMPORT("kv", "remove") void import_kv_remove(const char *, size_t, uint32_t, uint64_t, abi_removed *);
IMPORT("kv", "keys")
void import_kv_keys(const char *, size_t, uint32_t, const char *, size_t, uint32_t, abi_listed *);

bool saggar_kv_get(const char *key, saggar_kv_entry *entry, saggar_problem *problem) {
    abi_got got;
    import_kv_get(key, strlen(key), &got);
    if (got.is_error) return lift_problem(&got.value.problem, problem);
    saggar_kv_entry found = {.value = NONE};
    if (got.value.found.is_some) {
        const abi_entry *raw = &got.value.found.entry;
        found.value = taken(raw->value.data, raw->value.length);
        found.version = raw->version;
        found.expires = raw->expires_in_ms.is_some;
        found.expires_in_ms = found.expires ? raw->expires_in_ms.number : 0;
    }
    *entry = found;
    return true;
}

bool saggar_kv_set(const char *key, saggar_text value, uint64_t ttl_ms, uint64_t *version, saggar_problem *problem) {
    abi_added written;
    import_kv_set(key, strlen(key), value.data, value.length, ttl_ms > 0, ttl_ms, &written);
    if (written.is_error) return lift_problem(&written.value.problem, problem);
    if (version != NULL) *version = written.value.id;
    return true;
}

bool saggar_kv_swap(const char *key, uint64_t expected, saggar_text value, uint64_t ttl_ms, uint64_t *version, saggar_problem *problem) {
    abi_swapped swapped;
    import_kv_swap(key, strlen(key), expected > 0, expected, value.data, value.length, ttl_ms > 0, ttl_ms, &swapped);
    if (swapped.is_error) return lift_problem(&swapped.value.problem, problem);
    *version = swapped.value.version.is_some ? swapped.value.version.number : 0;
    return true;
}

bool saggar_kv_increment(const char *key, int64_t by, uint64_t ttl_ms, int64_t *sum, saggar_problem *problem) {
    abi_sum added;
    import_kv_increment(key, strlen(key), by, ttl_ms > 0, ttl_ms, &added);
    if (added.is_error) return lift_problem(&added.value.problem, problem);
    if (sum != NULL) *sum = added.value.sum;
    return true;
}

bool saggar_kv_remove(const char *key, uint64_t expected, bool *was_removed, saggar_problem *problem) {
    abi_removed removed;
    import_kv_remove(key, strlen(key), expected > 0, expected, &removed);
    if (removed.is_error) return lift_problem(&removed.value.problem, problem);
    if (was_removed != NULL) *was_removed = removed.value.was_removed != 0;
    return true;
}

bool saggar_kv_keys(const char *prefix, saggar_text after, uint32_t limit, saggar_kv_page *page, saggar_problem *problem) {
    abi_listed listed;
    import_kv_keys(prefix, strlen(prefix), after.data != NULL, after.data, after.length, limit, &listed);
    if (listed.is_error) return lift_problem(&listed.value.problem, problem);
    const abi_page *raw = &listed.value.page;
    /* The list itself is freed at the end as well. */
    taken((const char *)raw->keys, raw->count * sizeof *raw->keys);
    saggar_text *keys = saggar_alloc(raw->count * sizeof *keys);
    for (size_t at = 0; at < raw->count; at++) keys[at] = taken(raw->keys[at].data, raw->keys[at].length);
    page->keys = keys;
    page->count = raw->count;
    page->next = lift_optional(&raw->next);
    return true;
}

/* The calls of the host */

typedef struct {
    uint8_t is_error;
    union {
        abi_text response;
        struct {
            uint8_t kind;
            struct { abi_problem problem; uint64_t delay_ms; } value;
        } failure;
    } value;
} abi_processed;

typedef struct { uint8_t is_error; union { abi_optional_number id; abi_problem problem; } value; } abi_next;

_Static_assert(offsetof(abi_processed, value.failure.value) == 16, "the layout of result<json, failure>");
_Static_assert(offsetof(abi_processed, value.failure.value.delay_ms) == 48, "the layout of failure.retry-after");
_Static_assert(offsetof(abi_done, problem) == 4 && sizeof(abi_problem) == 28, "the layout of result<_, problem>");
_Static_assert(offsetof(abi_found, value.job.response) == 48 && sizeof(abi_found) == 64, "the layout of result<job, problem>");

static saggar__any begin(saggar__role role, const char *name, saggar_problem *problem) {
    call_role = name;
    call_adds = 0;
    abi_optional_text handler;
    import_handler(&handler);
    saggar_text wanted = lift_optional(&handler);
    for (size_t at = 0; at < role.count; at++) {
        const saggar__entry *entry = &role.entries[at];
        bool is_default = role.count == 1 || entry->is_default;
        if (wanted.data == NULL ? is_default : saggar_equal(wanted, entry->name)) return entry->function;
    }
    buffer message = {0};
    if (wanted.data == NULL) {
        append_str(&message, "no default function; name one in the reference, as in `plugins.NAME#FUNCTION`");
    } else {
        append_str(&message, "unknown function `");
        append(&message, wanted.data, wanted.length);
        append_str(&message, "`");
    }
    for (size_t at = 0; at < role.count; at++) {
        append_str(&message, at == 0 ? "; known: `#" : ", `#");
        append_str(&message, role.entries[at].name);
        append_str(&message, "`");
    }
    problem->code = saggar_str("unknown-handler");
    problem->message = finished(message);
    return NULL;
}

static void *end_of(saggar__role role, void *result) {
    if (role.flush != NULL) role.flush();
    return result;
}

void *saggar__process(saggar__role role, uint64_t id, char *args, size_t length) {
    static abi_processed processed;
    saggar_text array = taken(args, length);
    saggar_problem problem = {{0}, {0}, {0}};
    saggar_processor run = (saggar_processor)begin(role, "process", &problem);
    saggar_result result = run == NULL ? saggar_fail(SAGGAR_REJECT, problem) : run(id, array);
    processed.is_error = result.outcome != SAGGAR_OK;
    if (processed.is_error) {
        processed.value.failure.kind = (uint8_t)(result.outcome - SAGGAR_RETRY);
        processed.value.failure.value.problem = lower_problem(&result.problem);
        processed.value.failure.value.delay_ms = result.delay_ms;
    } else {
        processed.value.response = lower(result.response.length == 0 ? saggar_str("null") : result.response);
    }
    return end_of(role, &processed);
}

void *saggar__next(saggar__role role) {
    static abi_next next;
    saggar_problem problem = {{0}, {0}, {0}};
    saggar_next run = (saggar_next)begin(role, NULL, &problem);
    uint64_t id = 0;
    bool has_id = false;
    next.is_error = run == NULL || !run(&id, &has_id, &problem);
    if (next.is_error) {
        next.value.problem = lower_problem(&problem);
    } else {
        next.value.id.is_some = has_id;
        next.value.id.number = id;
    }
    return end_of(role, &next);
}

static void *handled(saggar__role role, bool is_handled, const saggar_problem *problem) {
    static abi_done done;
    done.is_error = !is_handled;
    if (!is_handled) done.problem = lower_problem(problem);
    return end_of(role, &done);
}

void *saggar__on_add(saggar__role role, uint64_t id) {
    saggar_problem problem = {{0}, {0}, {0}};
    saggar_on_add run = (saggar_on_add)begin(role, "add", &problem);
    return handled(role, run != NULL && run(id, &problem), &problem);
}

void *saggar__on_progress(saggar__role role, uint64_t id, uint64_t current, uint64_t total, char *message, size_t length) {
    saggar_problem problem = {{0}, {0}, {0}};
    saggar_text received = taken(message, length);
    saggar_on_progress run = (saggar_on_progress)begin(role, NULL, &problem);
    return handled(role, run != NULL && run(id, current, total, received, &problem), &problem);
}

void *saggar__on_success(saggar__role role, uint64_t id, char *response, size_t length) {
    saggar_problem problem = {{0}, {0}, {0}};
    saggar_text received = taken(response, length);
    saggar_on_success run = (saggar_on_success)begin(role, "success", &problem);
    return handled(role, run != NULL && run(id, received, &problem), &problem);
}

void *saggar__on_error(saggar__role role, uint64_t id, char *texts[3], const size_t lengths[3], bool has_details) {
    saggar_problem problem = {{0}, {0}, {0}};
    saggar_problem received = {taken(texts[0], lengths[0]), taken(texts[1], lengths[1]), NONE};
    if (has_details) received.details = taken(texts[2], lengths[2]);
    saggar_on_error run = (saggar_on_error)begin(role, "error", &problem);
    return handled(role, run != NULL && run(id, &received, &problem), &problem);
}
