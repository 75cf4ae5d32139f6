/* Write Saggar task processors and event handlers in C. The README shows a plugin and how to build it.
 *
 * Compile saggar_guest.c and saggar_text.c with the plugin, and list the plugin's functions by role in one of its files:
 *
 *     SAGGAR_PROCESSORS({"thumbnail", thumbnail})
 *
 * A plugin that prints includes <stdio.h> before this file there; its output is flushed after each call.
 *
 * Memory: whatever the host or this library hands over is valid until the call ends, and is freed then. So are results
 * of saggar_alloc, saggar_copy and saggar_quote. Nothing of it may be freed by the plugin.
 */
#ifndef SAGGAR_GUEST_H
#define SAGGAR_GUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Text in UTF-8, not terminated. `data` is NULL where there is none. */
typedef struct {
    const char *data;
    size_t length;
} saggar_text;

/* An error: a short, stable code in kebab case, one sentence, and optionally more data as JSON. */
typedef struct {
    saggar_text code;
    saggar_text message;
    saggar_text details;
} saggar_problem;

typedef enum {
    SAGGAR_OK,
    SAGGAR_RETRY,       /* Another attempt may succeed, after the task's `attempt_after`. */
    SAGGAR_RETRY_AFTER, /* Another attempt may succeed, after `delay_ms`. */
    SAGGAR_REJECT,      /* No attempt can succeed: the job ends as FAILURE now. */
} saggar_outcome;

/* How an attempt ended. */
typedef struct {
    saggar_outcome outcome;
    saggar_text response; /* JSON, of SAGGAR_OK; the empty text means `null`. */
    saggar_problem problem;
    uint64_t delay_ms;
} saggar_result;

/* Makes results. The first takes JSON, the others a code and a message. */
saggar_result saggar_ok(saggar_text response);
saggar_result saggar_retry(const char *code, const char *message);
saggar_result saggar_retry_after(uint64_t delay_ms, const char *code, const char *message);
saggar_result saggar_reject(const char *code, const char *message);
saggar_result saggar_fail(saggar_outcome outcome, saggar_problem problem);

/* Text and memory. */
saggar_text saggar_str(const char *terminated);
bool saggar_equal(saggar_text text, const char *terminated);
void *saggar_alloc(size_t size);           /* Freed when the call ends. Out of memory is a trap. */
const char *saggar_copy(saggar_text text); /* The same text, terminated. */

/* JSON. Values stay as text; so no digit is lost. */
saggar_text saggar_quote(saggar_text text);                           /* The text as a JSON string. */
bool saggar_item(saggar_text array, size_t index, saggar_text *item); /* An item of an array, as JSON. */
bool saggar_unquote(saggar_text json, saggar_text *text);             /* The text of a JSON string. */
bool saggar_u64(saggar_text json, uint64_t *number);                  /* A whole number without sign and exponent. */

/* The job of the running call. */
uint64_t saggar_id(void);             /* 0 in `next`: there is no job yet. */
saggar_text saggar_task(void);        /* The id of the task, such as `mail.send`. */
uint32_t saggar_attempt(void);        /* From 1; in a handler that of the last attempt, 0 before the first. */
uint32_t saggar_max_attempts(void);   /* The first attempt plus the task's `attempts`. */
bool saggar_remaining_ms(uint64_t *); /* Until this call times out; false without a timeout. */
bool saggar_is_cancelled(void);       /* The host stops the call soon after this becomes true. */
saggar_text saggar_trace_parent(void);
void saggar_progress(uint64_t current, uint64_t total, const char *message);

/* The job's own log. */
typedef enum { SAGGAR_DEBUG, SAGGAR_INFO, SAGGAR_WARN, SAGGAR_ERROR } saggar_level;
void saggar_log(saggar_level level, const char *message);
void saggar_log_text(saggar_level level, saggar_text message);

/* The tenant's own tasks. Each function returns false and fills in the problem, if one is given, when it fails.
 *
 * A call can be repeated: an attempt is retried, or a handler is called again after a crash. Its jobs are added once
 * because each has an idempotency key made of the job, the role and the number of the add in the call. So add the same
 * jobs in the same order each time; a job with other arguments at the same position fails with `key-reused`. */
typedef struct {
    const char *key;     /* A key of your own; NULL for that of the position. */
    bool without_key;    /* A new job each time, even if the call is repeated. */
    const char *unique;  /* JSON as in the contract: {"by":"args"}. */
    int priority;        /* From -32768 to 32767; ready jobs of higher priority run first. */
    uint64_t delay_ms;   /* No attempt starts before. */
    const char *run_at;  /* The same as a time (RFC 3339). */
} saggar_options;

typedef enum { SAGGAR_WAITING, SAGGAR_RUNNING, SAGGAR_SUCCESS, SAGGAR_FAILURE } saggar_status;

typedef struct {
    uint64_t id;
    saggar_status status;
    uint64_t current, total;
    saggar_text message;
    saggar_text response; /* JSON; no data until SAGGAR_SUCCESS. */
} saggar_job;

/* `args` is a JSON array with one item per argument. `options` may be NULL. */
bool saggar_add(const char *task, const char *args, uint64_t *id, saggar_problem *problem);
bool saggar_add_with(const char *task, const char *args, const saggar_options *options, uint64_t *id, saggar_problem *problem);
/* Both fail with `not-added` if no job of this task added the job, unless the task has access to all jobs; the job that
 * the call is about is always found. `saggar_cancel` fails with `ended` if the job has already ended. */
bool saggar_get(const char *task, uint64_t id, saggar_job *job, saggar_problem *problem);
bool saggar_cancel(const char *task, uint64_t id, saggar_problem *problem);

/* The tenant's key-value store, for what a plugin keeps between jobs. The task requests it with `"sandbox": {"kv": "write"}`,
 * and the operator grants it. Each function returns false and fills in the problem, if one is given, when it fails.
 *
 * Each call is one atomic step, and a write is on disk before it returns, whatever becomes of the attempt. Values are bytes;
 * plugins that share them with other languages store JSON. Versions begin at 1, and 0 stands for none. An entry expires after
 * `ttl_ms`; with 0 it does not. */
typedef struct {
    saggar_text value;
    uint64_t version;       /* 0 if there is no entry. */
    bool expires;
    uint64_t expires_in_ms; /* If it expires. */
} saggar_kv_entry;

typedef struct {
    const saggar_text *keys;
    size_t count;
    saggar_text next; /* After which key to continue; no data if there are no more keys. */
} saggar_kv_page;

bool saggar_kv_get(const char *key, saggar_kv_entry *entry, saggar_problem *problem);
bool saggar_kv_set(const char *key, saggar_text value, uint64_t ttl_ms, uint64_t *version, saggar_problem *problem);
/* Writes a value if the entry has the version `expected`, or if there is no entry for 0. `version` becomes the new one, or 0
 * if the entry is another one. */
bool saggar_kv_swap(const char *key, uint64_t expected, saggar_text value, uint64_t ttl_ms, uint64_t *version, saggar_problem *problem);
/* Adds to a number; no entry counts as 0, and only then `ttl_ms` has an effect. */
bool saggar_kv_increment(const char *key, int64_t by, uint64_t ttl_ms, int64_t *sum, saggar_problem *problem);
/* Removes an entry; if `expected` is not 0, only if it has that version. */
bool saggar_kv_remove(const char *key, uint64_t expected, bool *was_removed, saggar_problem *problem);
/* At most 1,000 of the keys that begin with `prefix`, after the key `after` if it has data. */
bool saggar_kv_keys(const char *prefix, saggar_text after, uint32_t limit, saggar_kv_page *page, saggar_problem *problem);

/* The functions of a plugin, by role. A reference selects one by the name after `#`; without a name it is the only one,
 * or the one whose third member is true. Handlers return false and fill in the problem when they fail. */
typedef saggar_result (*saggar_processor)(uint64_t id, saggar_text args);
typedef bool (*saggar_next)(uint64_t *id, bool *has_id, saggar_problem *problem); /* has_id starts as false. */
typedef bool (*saggar_on_add)(uint64_t id, saggar_problem *problem);
typedef bool (*saggar_on_progress)(uint64_t id, uint64_t current, uint64_t total, saggar_text message, saggar_problem *problem);
typedef bool (*saggar_on_success)(uint64_t id, saggar_text response, saggar_problem *problem);
typedef bool (*saggar_on_error)(uint64_t id, const saggar_problem *error, saggar_problem *problem);

/* What follows makes the exports of the canonical ABI; plugins use only the macros with a plural name. */
typedef void (*saggar__any)(void);
/* The lists of all roles are read as this one. */
typedef struct __attribute__((may_alias)) { const char *name; saggar__any function; bool is_default; } saggar__entry;
typedef struct { const saggar__entry *entries; size_t count; void (*flush)(void); } saggar__role;

void *saggar__process(saggar__role, uint64_t id, char *args, size_t length);
void *saggar__next(saggar__role);
void *saggar__on_add(saggar__role, uint64_t id);
void *saggar__on_progress(saggar__role, uint64_t id, uint64_t current, uint64_t total, char *message, size_t length);
void *saggar__on_success(saggar__role, uint64_t id, char *response, size_t length);
void *saggar__on_error(saggar__role, uint64_t id, char *texts[3], const size_t lengths[3], bool has_details);
void saggar__end(void);

#ifdef stdout
static inline void saggar__flush(void) { fflush(stdout); }
#define SAGGAR__FLUSH saggar__flush
#else
#define SAGGAR__FLUSH NULL
#endif

#ifdef __cplusplus
}
#define SAGGAR__C extern "C"
#else
#define SAGGAR__C
#endif

#define SAGGAR__EXPORT(name) SAGGAR__C __attribute__((export_name(name)))

/* Entries have the role's own type, so that a function of another signature does not compile. */
#define SAGGAR__ROLE(role, interface, function, ...)                                                                   \
    typedef struct { const char *name; role function_; bool is_default; } role##__entry;                               \
    static const role##__entry role##__entries[] = {__VA_ARGS__};                                                      \
    static inline saggar__role role##__role(void) {                                                                    \
        saggar__role found = {(const saggar__entry *)role##__entries, sizeof role##__entries / sizeof *role##__entries, \
                              SAGGAR__FLUSH};                                                                          \
        return found;                                                                                                  \
    }                                                                                                                  \
    SAGGAR__EXPORT("cabi_post_saggar:task/" interface "@0.1.0#" function) void role##__post(void *result) {            \
        (void)result;                                                                                                  \
        saggar__end();                                                                                                 \
    }                                                                                                                  \
    SAGGAR__EXPORT("saggar:task/" interface "@0.1.0#" function)

#define SAGGAR_PROCESSORS(...)                                                                                         \
    SAGGAR__ROLE(saggar_processor, "processor", "process", __VA_ARGS__)                                                \
    void *saggar__export_process(uint64_t id, char *args, size_t length) {                                             \
        return saggar__process(saggar_processor__role(), id, args, length);                                            \
    }

#define SAGGAR_ID_SOURCES(...)                                                                                         \
    SAGGAR__ROLE(saggar_next, "id-source", "next", __VA_ARGS__)                                                        \
    void *saggar__export_next(void) { return saggar__next(saggar_next__role()); }

#define SAGGAR_ADD_HANDLERS(...)                                                                                       \
    SAGGAR__ROLE(saggar_on_add, "add-handler", "on-add", __VA_ARGS__)                                                  \
    void *saggar__export_on_add(uint64_t id) { return saggar__on_add(saggar_on_add__role(), id); }

#define SAGGAR_PROGRESS_HANDLERS(...)                                                                                  \
    SAGGAR__ROLE(saggar_on_progress, "progress-handler", "on-progress", __VA_ARGS__)                                   \
    void *saggar__export_on_progress(uint64_t id, uint64_t current, uint64_t total, char *message, size_t length) {    \
        return saggar__on_progress(saggar_on_progress__role(), id, current, total, message, length);                   \
    }

#define SAGGAR_SUCCESS_HANDLERS(...)                                                                                   \
    SAGGAR__ROLE(saggar_on_success, "success-handler", "on-success", __VA_ARGS__)                                      \
    void *saggar__export_on_success(uint64_t id, char *response, size_t length) {                                      \
        return saggar__on_success(saggar_on_success__role(), id, response, length);                                    \
    }

#define SAGGAR_ERROR_HANDLERS(...)                                                                                     \
    SAGGAR__ROLE(saggar_on_error, "error-handler", "on-error", __VA_ARGS__)                                            \
    void *saggar__export_on_error(uint64_t id, char *code, size_t code_length, char *message, size_t message_length,   \
                                  uint32_t has_details, char *details, size_t details_length) {                        \
        char *texts[3] = {code, message, details};                                                                     \
        const size_t lengths[3] = {code_length, message_length, details_length};                                       \
        return saggar__on_error(saggar_on_error__role(), id, texts, lengths, has_details != 0);                        \
    }

#endif
