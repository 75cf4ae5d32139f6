/* The conformance guest in C. ../README.md says what each function does. */

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "saggar_guest.h"

/* Long enough for all texts that are made here. */
enum { LINE = 512 };

static saggar_text format_u64(const char *format, uint64_t number) {
    char *text = saggar_alloc(LINE);
    snprintf(text, LINE, format, number);
    return saggar_str(text);
}

static saggar_result quoted(const char *text) { return saggar_ok(saggar_quote(saggar_str(text))); }

static saggar_result null_result(void) { return saggar_ok(saggar_str("null")); }

static saggar_result echo(uint64_t id, saggar_text args) {
    saggar_text value;
    (void)id;
    if (!saggar_item(args, 0, &value)) return saggar_reject("invalid-args", "echo takes one argument");
    return saggar_ok(value);
}

static saggar_result nothing(uint64_t id, saggar_text args) {
    (void)id, (void)args;
    saggar_result result = {.outcome = SAGGAR_OK};
    return result;
}

static saggar_result unicode(uint64_t id, saggar_text args) {
    (void)id, (void)args;
    static const char TEXT[] = "ünï 日本語 👩‍🚀 \" \\ \0 end";
    saggar_text text = {TEXT, sizeof TEXT - 1};
    return saggar_ok(saggar_quote(text));
}

static saggar_result progress(uint64_t id, saggar_text args) {
    (void)id, (void)args;
    saggar_progress(1, 2, "half");
    saggar_progress(2, 2, "done ✓");
    return quoted("reported");
}

static const char *json_of(saggar_text text) { return text.data == NULL ? "null" : saggar_copy(saggar_quote(text)); }

static saggar_result context(uint64_t id, saggar_text args) {
    (void)args;
    uint64_t remaining_ms;
    char *json = saggar_alloc(LINE);
    snprintf(json, LINE,
             "{\"id\":\"%" PRIu64 "\",\"task\":%s,\"attempt\":%" PRIu32 ",\"max_attempts\":%" PRIu32
             ",\"has_deadline\":%s,\"is_cancelled\":%s,\"trace_parent\":%s}",
             id, json_of(saggar_task()), saggar_attempt(), saggar_max_attempts(),
             saggar_remaining_ms(&remaining_ms) ? "true" : "false", saggar_is_cancelled() ? "true" : "false",
             json_of(saggar_trace_parent()));
    return saggar_ok(saggar_str(json));
}

static saggar_result levels(uint64_t id, saggar_text args) {
    (void)id, (void)args;
    saggar_log(SAGGAR_DEBUG, "at debug");
    saggar_log(SAGGAR_INFO, "at info");
    saggar_log(SAGGAR_WARN, "at warn");
    saggar_log(SAGGAR_ERROR, "at error");
    return null_result();
}

static saggar_result print(uint64_t id, saggar_text args) {
    (void)id;
    saggar_text item, word;
    if (!saggar_item(args, 0, &item) || !saggar_unquote(item, &word)) return saggar_reject("invalid-args", "no word");
    fwrite(word.data, 1, word.length, stdout);
    return null_result();
}

static saggar_result reject(uint64_t id, saggar_text args) {
    (void)id, (void)args;
    saggar_result result = saggar_reject("no-page", "page 7 does not exist");
    result.problem.details = saggar_str("{\"page\":7}");
    return result;
}

static saggar_result retry(uint64_t id, saggar_text args) {
    (void)id, (void)args;
    if (saggar_attempt() > 1) return saggar_ok(format_u64("%" PRIu64, saggar_attempt()));
    saggar_result result = saggar_retry("busy", "attempt 1 is busy");
    result.problem.details = saggar_str("{\"attempt\":1}");
    return result;
}

static saggar_result later(uint64_t id, saggar_text args) {
    (void)id, (void)args;
    if (saggar_attempt() > 1) return saggar_ok(format_u64("%" PRIu64, saggar_attempt()));
    return saggar_retry_after(1, "not-yet", "a moment");
}

static saggar_result broken(uint64_t id, saggar_text args) {
    (void)id, (void)args;
    return saggar_retry("failed", "it is broken");
}

static saggar_result children(uint64_t id, saggar_text args) {
    (void)id, (void)args;
    uint64_t first, second;
    saggar_problem problem;
    if (!saggar_add("journal", "[\"first\"]", &first, &problem)) return saggar_fail(SAGGAR_RETRY, problem);
    if (!saggar_add("journal", "[\"second\"]", &second, &problem)) return saggar_fail(SAGGAR_RETRY, problem);
    if (saggar_attempt() == 1) return saggar_retry("busy", "attempt 1 fails after it has added its jobs");
    char *json = saggar_alloc(LINE);
    snprintf(json, LINE, "[%" PRIu64 ",%" PRIu64 "]", first, second);
    return saggar_ok(saggar_str(json));
}

static saggar_result options(uint64_t id, saggar_text args) {
    (void)id, (void)args;
    static const saggar_options KEYED = {.key = "the only one"}, FREE = {.without_key = true};
    static const saggar_options LATE = {.delay_ms = 3600000, .priority = 7};
    static const struct { const char *args; const saggar_options *options; } ADDS[] = {
        {"[\"keyed\"]", &KEYED}, {"[\"keyed\"]", &KEYED}, {"[\"free\"]", &FREE}, {"[\"free\"]", &FREE}, {"[\"late\"]", &LATE},
    };
    char *json = saggar_alloc(LINE);
    size_t length = 0;
    for (size_t at = 0; at < sizeof ADDS / sizeof *ADDS; at++) {
        uint64_t added;
        saggar_problem problem;
        if (!saggar_add_with("journal", ADDS[at].args, ADDS[at].options, &added, &problem)) {
            return saggar_fail(SAGGAR_RETRY, problem);
        }
        length += (size_t)snprintf(json + length, LINE - length, "%c%" PRIu64, at == 0 ? '[' : ',', added);
    }
    snprintf(json + length, LINE - length, "]");
    return saggar_ok(saggar_str(json));
}

/* The arguments of `lookup` and `cancel`: a task and an id. */
static bool read_job(saggar_text args, const char **task, uint64_t *id) {
    saggar_text item, text;
    if (!saggar_item(args, 0, &item) || !saggar_unquote(item, &text)) return false;
    *task = saggar_copy(text);
    return saggar_item(args, 1, &item) && saggar_u64(item, id);
}

static saggar_result lookup(uint64_t id, saggar_text args) {
    (void)id;
    static const char *const STATUS[] = {"waiting", "running", "success", "failure"};
    const char *task;
    uint64_t wanted;
    saggar_job job;
    saggar_problem problem;
    if (!read_job(args, &task, &wanted)) return saggar_reject("invalid-args", "lookup takes a task and an id");
    if (!saggar_get(task, wanted, &job, &problem)) return saggar_fail(SAGGAR_RETRY, problem);
    char *json = saggar_alloc(LINE);
    const char *response = job.response.data == NULL ? "null" : saggar_copy(job.response);
    snprintf(json, LINE,
             "{\"id\":%" PRIu64 ",\"status\":\"%s\",\"current\":%" PRIu64 ",\"total\":%" PRIu64
             ",\"message\":%s,\"response\":%s}",
             job.id, STATUS[job.status], job.current, job.total, json_of(job.message), response);
    return saggar_ok(saggar_str(json));
}

static saggar_result cancel(uint64_t id, saggar_text args) {
    (void)id;
    const char *task;
    uint64_t wanted;
    saggar_problem problem;
    if (!read_job(args, &task, &wanted)) return saggar_reject("invalid-args", "cancel takes a task and an id");
    if (saggar_cancel(task, wanted, &problem)) return quoted("cancelled");
    return saggar_ok(saggar_quote(problem.code));
}

static saggar_result unknown(uint64_t id, saggar_text args) {
    (void)id, (void)args;
    saggar_problem problem;
    if (saggar_add("nowhere", "[]", NULL, &problem)) return quoted("added");
    return saggar_ok(saggar_quote(problem.code));
}

static saggar_result passed(uint64_t id, saggar_text args) {
    (void)id, (void)args;
    uint64_t added;
    saggar_problem problem;
    if (!saggar_add("nowhere", "[]", &added, &problem)) return saggar_fail(SAGGAR_RETRY, problem);
    return saggar_ok(format_u64("%" PRIu64, added));
}

static saggar_result ident(uint64_t id, saggar_text args) {
    (void)args;
    return saggar_ok(format_u64("\"%" PRIu64 "\"", id));
}

static saggar_result random_number(uint64_t id, saggar_text args) {
    (void)id, (void)args;
    uint32_t number;
    if (getentropy(&number, sizeof number) != 0) return saggar_retry("no-entropy", "getentropy failed");
    return saggar_ok(format_u64("%" PRIu64, number));
}

static const char *boolean(bool value) { return value ? "true" : "false"; }

/* The keys as a JSON array. */
static const char *json_of_keys(const saggar_kv_page *page) {
    char *json = saggar_alloc(LINE);
    size_t length = 0;
    for (size_t at = 0; at < page->count; at++) {
        length += (size_t)snprintf(json + length, LINE - length, "%c%s", at == 0 ? '[' : ',', json_of(page->keys[at]));
    }
    snprintf(json + length, LINE - length, "]");
    return json;
}

static saggar_result ledger(uint64_t id, saggar_text args) {
    (void)id, (void)args;
    saggar_problem problem, refusal = {0};
    saggar_kv_entry none, value;
    uint64_t first, second, third;
    int64_t five, less;
    bool removed, again;
    saggar_kv_page page;
    saggar_text one = saggar_str("\"one\""), two = saggar_str("\"two\""), start = {0};
    bool is_done = saggar_kv_get("ledger/none", &none, &problem) &&
                   saggar_kv_swap("ledger/a", 0, one, 0, &first, &problem) &&
                   saggar_kv_swap("ledger/a", 0, two, 0, &second, &problem) &&
                   saggar_kv_swap("ledger/a", first, two, 0, &third, &problem) &&
                   saggar_kv_get("ledger/a", &value, &problem) &&
                   saggar_kv_increment("ledger/n", 5, 0, &five, &problem) &&
                   saggar_kv_increment("ledger/n", -7, 0, &less, &problem) &&
                   saggar_kv_set("ledger/text", saggar_str("\"x\""), 3600000, NULL, &problem);
    if (!is_done) return saggar_fail(SAGGAR_RETRY, problem);
    bool was_refused = !saggar_kv_increment("ledger/text", 1, 0, NULL, &refusal);
    is_done = saggar_kv_keys("ledger/", start, 1000, &page, &problem) &&
              saggar_kv_remove("ledger/a", 0, &removed, &problem) && saggar_kv_remove("ledger/a", 0, &again, &problem);
    if (!is_done) return saggar_fail(SAGGAR_RETRY, problem);
    char *json = saggar_alloc(LINE);
    snprintf(json, LINE, "[%s,%s,%s,%s,%s,%" PRId64 ",%" PRId64 ",%s,%s,%s,%s]", none.version == 0 ? "null" : "true",
             boolean(first > 0), boolean(second > 0), boolean(third > 0), saggar_copy(value.value), five, less,
             was_refused ? json_of(refusal.code) : "\"none\"", json_of_keys(&page), boolean(removed), boolean(again));
    return saggar_ok(saggar_str(json));
}

/* Returns the value of the key that is the first argument, or the code of the problem. */
static saggar_result value_of(const char *key) {
    saggar_problem problem;
    saggar_kv_entry entry;
    if (!saggar_kv_get(key, &entry, &problem)) return saggar_ok(saggar_quote(problem.code));
    return entry.version == 0 ? null_result() : saggar_ok(entry.value);
}

static saggar_result kept(uint64_t id, saggar_text args) {
    (void)id;
    saggar_text item, key;
    if (!saggar_item(args, 0, &item) || !saggar_unquote(item, &key)) return saggar_reject("invalid-args", "no key");
    return value_of(saggar_copy(key));
}

static saggar_result stored(uint64_t id, saggar_text args) {
    (void)id;
    saggar_text item, key, value;
    saggar_problem problem;
    if (!saggar_item(args, 0, &item) || !saggar_unquote(item, &key) || !saggar_item(args, 1, &value)) {
        return saggar_reject("invalid-args", "stored takes a key and a value");
    }
    if (!saggar_kv_set(saggar_copy(key), value, 0, NULL, &problem)) return saggar_ok(saggar_quote(problem.code));
    return value_of(saggar_copy(key));
}

static saggar_result files(uint64_t id, saggar_text args) {
    (void)id, (void)args;
    const char *word = getenv("WORD");
    if (word == NULL) return saggar_reject("no-word", "the variable WORD is not set");
    FILE *file = fopen("/scratch/word", "w");
    if (file == NULL) return saggar_reject("no-file", "the file cannot be written");
    fputs(word, file);
    fclose(file);
    file = fopen("/scratch/word", "r");
    if (file == NULL) return saggar_reject("no-file", "the file cannot be read");
    char *text = saggar_alloc(LINE);
    if (fgets(text, LINE, file) == NULL) text[0] = 0;
    fclose(file);
    return quoted(text);
}

SAGGAR_PROCESSORS(
    {"echo", echo, true}, {"nothing", nothing}, {"unicode", unicode}, {"progress", progress}, {"context", context},
    {"levels", levels}, {"print", print}, {"reject", reject}, {"retry", retry}, {"later", later}, {"broken", broken},
    {"children", children}, {"options", options}, {"lookup", lookup}, {"cancel", cancel}, {"unknown", unknown},
    {"passed", passed}, {"ident", ident}, {"random", random_number}, {"ledger", ledger}, {"stored", stored}, {"kept", kept},
    {"files", files})

static bool counter(uint64_t *id, bool *has_id, saggar_problem *problem) {
    (void)id, (void)has_id, (void)problem;
    return true;
}

static bool fixed(uint64_t *id, bool *has_id, saggar_problem *problem) {
    (void)problem;
    *id = 4711;
    *has_id = true;
    return true;
}

static bool large(uint64_t *id, bool *has_id, saggar_problem *problem) {
    (void)problem;
    *id = (UINT64_C(1) << 53) + 1;
    *has_id = true;
    return true;
}

static bool exhausted(uint64_t *id, bool *has_id, saggar_problem *problem) {
    (void)id, (void)has_id;
    problem->code = saggar_str("no-ids");
    problem->message = saggar_str("no ids are left");
    return false;
}

SAGGAR_ID_SOURCES({"counter", counter}, {"fixed", fixed}, {"large", large}, {"exhausted", exhausted})

static bool added(uint64_t id, saggar_problem *problem) {
    (void)problem;
    saggar_log_text(SAGGAR_INFO, format_u64("added %" PRIu64, id));
    return true;
}

SAGGAR_ADD_HANDLERS({"added", added})

static bool progressed(uint64_t id, uint64_t current, uint64_t total, saggar_text message, saggar_problem *problem) {
    (void)problem;
    char *line = saggar_alloc(LINE);
    snprintf(line, LINE, "progressed %" PRIu64 " %" PRIu64 "/%" PRIu64 " %s", id, current, total, saggar_copy(message));
    saggar_log(SAGGAR_INFO, line);
    return true;
}

SAGGAR_PROGRESS_HANDLERS({"progressed", progressed})

static bool succeeded(uint64_t id, saggar_text response, saggar_problem *problem) {
    (void)problem;
    char *line = saggar_alloc(LINE);
    snprintf(line, LINE, "succeeded %" PRIu64 " %s", id, saggar_copy(response));
    saggar_log(SAGGAR_INFO, line);
    return true;
}

static bool repeated(uint64_t id, saggar_text response, saggar_problem *problem) {
    (void)id, (void)response;
    if (!saggar_add("journal", "[\"succeeded\"]", NULL, problem)) return false;
    problem->code = saggar_str("as-asked");
    problem->message = saggar_str("the handler fails");
    return false;
}

SAGGAR_SUCCESS_HANDLERS({"succeeded", succeeded}, {"repeated", repeated})

static bool failed(uint64_t id, const saggar_problem *error, saggar_problem *problem) {
    (void)problem;
    char *line = saggar_alloc(LINE);
    snprintf(line, LINE, "failed %" PRIu64 " %s: %s", id, saggar_copy(error->code), saggar_copy(error->message));
    saggar_log(SAGGAR_INFO, line);
    return true;
}

SAGGAR_ERROR_HANDLERS({"failed", failed})
