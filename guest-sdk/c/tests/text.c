/* The JSON of the library, and the memory of a call. Compiled for the machine that runs the tests. */

#undef NDEBUG
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "saggar_guest.h"

void saggar__end(void);

static saggar_text nth(const char *array, size_t index) {
    saggar_text item = {NULL, 0};
    return saggar_item(saggar_str(array), index, &item) ? item : saggar_str("none");
}

static void items_of_an_array(void) {
    static const char ARRAY[] = " [ 1 , \"a,]\\\"[\" , [2,[3]] , {\"k\":[4,\"}\"]} ,null] ";
    assert(saggar_equal(nth(ARRAY, 0), "1"));
    assert(saggar_equal(nth(ARRAY, 1), "\"a,]\\\"[\""));
    assert(saggar_equal(nth(ARRAY, 2), "[2,[3]]"));
    assert(saggar_equal(nth(ARRAY, 3), "{\"k\":[4,\"}\"]}"));
    assert(saggar_equal(nth(ARRAY, 4), "null"));
    assert(saggar_equal(nth(ARRAY, 5), "none"));
    assert(saggar_equal(nth("[]", 0), "none") && saggar_equal(nth("[ ]", 1), "none"));
    assert(saggar_equal(nth("{}", 0), "none") && saggar_equal(nth("", 0), "none"));
    /* The host never hands over invalid JSON; it must not be read too far all the same. */
    static const char *const BROKEN[] = {"[", "[1", "[\"", "[\"\\", "[[", "[1,", "[,"};
    for (size_t at = 0; at < sizeof BROKEN / sizeof *BROKEN; at++) nth(BROKEN[at], 3);
}

static void text_of_a_string(void) {
    static const struct { const char *json, *text; } CASES[] = {
        {"\"\"", ""}, {" \"plain ü\" ", "plain ü"}, {"\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "\"\\/\b\f\n\r\t"},
        {"\"\\u00fc \\u65E5 \\ud83d\\udE80\"", "ü 日 🚀"}, {"\"\\ud83d x \\ude80\"", "\xef\xbf\xbd x \xef\xbf\xbd"},
        {"\"\\ud83d\\u0041\"", "\xef\xbf\xbd" "A"},
    };
    for (size_t at = 0; at < sizeof CASES / sizeof *CASES; at++) {
        saggar_text text;
        assert(saggar_unquote(saggar_str(CASES[at].json), &text));
        assert(saggar_equal(text, CASES[at].text));
    }
    static const char *const WRONG[] = {"", "\"", "1", "null", "\"\\", "\"\\\"", "\"\\x\"", "\"\\u12\"", "\"\\u12g4\"", "[\"a\"]"};
    for (size_t at = 0; at < sizeof WRONG / sizeof *WRONG; at++) {
        saggar_text text;
        assert(!saggar_unquote(saggar_str(WRONG[at]), &text));
    }
}

static void a_string_of_text(void) {
    static const char TEXT[] = "ü \" \\ \0 \n \x1f";
    saggar_text text = {TEXT, sizeof TEXT - 1}, back;
    saggar_text json = saggar_quote(text);
    assert(saggar_equal(json, "\"ü \\\" \\\\ \\u0000 \\u000a \\u001f\""));
    assert(saggar_unquote(json, &back) && back.length == text.length && memcmp(back.data, TEXT, text.length) == 0);
}

static void whole_numbers(void) {
    uint64_t number;
    assert(saggar_u64(saggar_str("0"), &number) && number == 0);
    assert(saggar_u64(saggar_str(" 18446744073709551615 "), &number) && number == UINT64_MAX);
    static const char *const WRONG[] = {"", "18446744073709551616", "99999999999999999999", "-1", "1.0", "1e3", "\"1\"", "null"};
    for (size_t at = 0; at < sizeof WRONG / sizeof *WRONG; at++) assert(!saggar_u64(saggar_str(WRONG[at]), &number));
}

int main(void) {
    items_of_an_array();
    text_of_a_string();
    a_string_of_text();
    whole_numbers();
    memset(saggar_alloc(0), 1, 1);
    assert(saggar_copy(saggar_str("copy"))[4] == 0);
    saggar__end();
    saggar__end();
    puts("ok");
    return 0;
}
