/* The plugin `{{name}}`. */

#include <stdio.h>
#include <string.h>

#include "saggar/saggar_guest.h"

/* Runs one job. `args` is the JSON array of the job's arguments; the result's response is JSON, too. */
static saggar_result run(uint64_t id, saggar_text args) {
    (void)id;
    saggar_text item, name;
    if (!saggar_item(args, 0, &item) || !saggar_unquote(item, &name) || name.length == 0) {
        /* Ends the job as FAILURE; saggar_retry would be tried again. */
        return saggar_reject("no-name", "the name is empty");
    }
    size_t size = name.length + 16;
    char *line = saggar_alloc(size);
    snprintf(line, size, "greeting %.*s", (int)name.length, name.data);
    saggar_log(SAGGAR_INFO, line);
    saggar_progress(1, 1, "greeted");
    snprintf(line, size, "Hello, %.*s!", (int)name.length, name.data);
    return saggar_ok(saggar_quote(saggar_str(line)));
}

SAGGAR_PROCESSORS({"run", run, true})
