/* The memory of a call, text that grows in it, and as much JSON as a plugin needs to read its arguments. */

#include "saggar_text.h"

#include <stdlib.h>
#include <string.h>

/* Memory of the call */

typedef struct block {
    struct block *next;
    void *data;
} block;

static block *blocks;

/* The host and the adapter of WASI allocate through this. The adapter keeps what it gets, so only what is known to
 * belong to the call is freed with it. */
__attribute__((export_name("cabi_realloc"))) void *saggar__realloc(void *old, size_t old_size, size_t align, size_t size) {
    (void)old_size;
    if (size == 0) return (void *)align;
    void *data = align <= 16 ? realloc(old, size) : aligned_alloc(align, (size + align - 1) / align * align);
    if (data == NULL) __builtin_trap();
    return data;
}

static void free_at_the_end(void *data) {
    block *kept = saggar__realloc(NULL, 0, 4, sizeof *kept);
    kept->next = blocks;
    kept->data = data;
    blocks = kept;
}

void *saggar_alloc(size_t size) {
    void *data = saggar__realloc(NULL, 0, 16, size == 0 ? 1 : size);
    free_at_the_end(data);
    return data;
}

void saggar__end(void) {
    while (blocks != NULL) {
        block *next = blocks->next;
        free(blocks->data);
        free(blocks);
        blocks = next;
    }
}

/* Text */

saggar_text taken(const char *data, size_t length) {
    /* The pointer of an empty text was not allocated. */
    if (length > 0) free_at_the_end((void *)data);
    saggar_text text = {length > 0 ? data : "", length};
    return text;
}

const saggar_text NONE = {NULL, 0};

saggar_text saggar_str(const char *terminated) {
    saggar_text text = {terminated, strlen(terminated)};
    return text;
}

bool saggar_equal(saggar_text text, const char *terminated) {
    return text.length == strlen(terminated) && memcmp(text.data, terminated, text.length) == 0;
}

const char *saggar_copy(saggar_text text) {
    char *copy = saggar_alloc(text.length + 1);
    memcpy(copy, text.data, text.length);
    copy[text.length] = 0;
    return copy;
}

void append(buffer *to, const char *data, size_t length) {
    if (length > to->capacity - to->length) {
        size_t capacity = (to->length + length) * 2;
        char *grown = saggar_alloc(capacity);
        if (to->length > 0) memcpy(grown, to->data, to->length);
        to->data = grown;
        to->capacity = capacity;
    }
    memcpy(to->data + to->length, data, length);
    to->length += length;
}

void append_str(buffer *to, const char *terminated) { append(to, terminated, strlen(terminated)); }

void append_u64(buffer *to, uint64_t number) {
    char digits[20];
    size_t at = sizeof digits;
    do {
        digits[--at] = (char)('0' + number % 10);
        number /= 10;
    } while (number > 0);
    append(to, digits + at, sizeof digits - at);
}

saggar_text finished(buffer from) {
    saggar_text text = {from.data, from.length};
    return text;
}

/* JSON: the host's is always valid, so these read no more than they need. */

saggar_text saggar_quote(saggar_text text) {
    static const char HEX[] = "0123456789abcdef";
    buffer json = {0};
    append_str(&json, "\"");
    for (size_t at = 0; at < text.length; at++) {
        unsigned char c = (unsigned char)text.data[at];
        if (c == '"' || c == '\\') append_str(&json, "\\");
        if (c >= 0x20) {
            append(&json, &text.data[at], 1);
        } else {
            char escaped[6] = {'\\', 'u', '0', '0', HEX[c >> 4], HEX[c & 15]};
            append(&json, escaped, sizeof escaped);
        }
    }
    append_str(&json, "\"");
    return finished(json);
}

static bool is_space(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

static saggar_text trimmed(saggar_text json) {
    while (json.length > 0 && is_space(json.data[0])) json.data++, json.length--;
    while (json.length > 0 && is_space(json.data[json.length - 1])) json.length--;
    return json;
}

/* Where the value that begins at `at` ends: before the comma or the bracket of what surrounds it. */
static size_t end_of_value(saggar_text json, size_t at) {
    size_t depth = 0;
    bool in_string = false;
    for (; at < json.length; at++) {
        char c = json.data[at];
        if (in_string) {
            if (c == '\\') at++;
            else if (c == '"') in_string = false;
        } else if (c == '"') {
            in_string = true;
        } else if (c == '[' || c == '{') {
            depth++;
        } else if (c == ']' || c == '}') {
            if (depth == 0) break;
            depth--;
        } else if (c == ',' && depth == 0) {
            break;
        }
    }
    return at < json.length ? at : json.length;
}

bool saggar_item(saggar_text array, size_t index, saggar_text *item) {
    array = trimmed(array);
    if (array.length == 0 || array.data[0] != '[') return false;
    size_t at = 1;
    for (;;) {
        size_t end = end_of_value(array, at);
        saggar_text value = {array.data + at, end - at};
        value = trimmed(value);
        if (value.length == 0) return false;
        if (index-- == 0) {
            *item = value;
            return true;
        }
        if (end >= array.length || array.data[end] != ',') return false;
        at = end + 1;
    }
}

static bool read_hex(const char *digits, size_t left, uint32_t *unit) {
    if (left < 4) return false;
    *unit = 0;
    for (size_t at = 0; at < 4; at++) {
        char c = digits[at];
        uint32_t digit = c >= '0' && c <= '9' ? (uint32_t)(c - '0') : (uint32_t)((c | 0x20) - 'a' + 10);
        if (digit > 15) return false;
        *unit = *unit << 4 | digit;
    }
    return true;
}

static void append_utf8(buffer *to, uint32_t c) {
    char bytes[4];
    size_t length = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    static const unsigned char FIRST[] = {0, 0, 0xc0, 0xe0, 0xf0};
    for (size_t at = length - 1; at > 0; at--, c >>= 6) bytes[at] = (char)(0x80 | (c & 0x3f));
    bytes[0] = (char)(FIRST[length] | c);
    append(to, bytes, length);
}

/* Reads what follows `\u`, two of them for a pair of surrogates. A lone surrogate becomes U+FFFD. */
static bool unescape_unit(buffer *to, saggar_text json, size_t *at) {
    uint32_t c, low;
    if (!read_hex(json.data + *at, json.length - *at, &c)) return false;
    *at += 4;
    if (c >= 0xd800 && c < 0xe000) {
        bool has_low = c < 0xdc00 && json.length - *at >= 6 && json.data[*at] == '\\' && json.data[*at + 1] == 'u' &&
                       read_hex(json.data + *at + 2, 4, &low) && low >= 0xdc00 && low < 0xe000;
        if (has_low) *at += 6;
        c = has_low ? 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00) : 0xfffd;
    }
    append_utf8(to, c);
    return true;
}

bool saggar_unquote(saggar_text json, saggar_text *text) {
    json = trimmed(json);
    if (json.length < 2 || json.data[0] != '"' || json.data[json.length - 1] != '"') return false;
    buffer plain = {0};
    json.length--;
    for (size_t at = 1; at < json.length;) {
        char c = json.data[at++];
        if (c != '\\') {
            append(&plain, &c, 1);
            continue;
        }
        if (at >= json.length) return false;
        c = json.data[at++];
        if (c == 'u') {
            if (!unescape_unit(&plain, json, &at)) return false;
            continue;
        }
        static const char NAMES[] = "\"\\/bfnrt", MEANINGS[] = "\"\\/\b\f\n\r\t";
        const char *name = strchr(NAMES, c);
        if (name == NULL || c == 0) return false;
        append(&plain, &MEANINGS[name - NAMES], 1);
    }
    *text = finished(plain);
    if (text->data == NULL) text->data = "";
    return true;
}

bool saggar_u64(saggar_text json, uint64_t *number) {
    json = trimmed(json);
    uint64_t sum = 0;
    for (size_t at = 0; at < json.length; at++) {
        uint64_t digit = (uint64_t)(json.data[at] - '0');
        if (digit > 9 || sum > (UINT64_MAX - digit) / 10) return false;
        sum = sum * 10 + digit;
    }
    *number = sum;
    return json.length > 0;
}
