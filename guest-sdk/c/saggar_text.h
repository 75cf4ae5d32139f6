/* What the library's own files share; not for plugins. */
#ifndef SAGGAR_TEXT_H
#define SAGGAR_TEXT_H

#include "saggar_guest.h"

#define taken saggar__taken
#define append saggar__append
#define append_str saggar__append_str
#define append_u64 saggar__append_u64
#define finished saggar__finished
#define NONE saggar__none

/* No text. */
extern const saggar_text NONE;

/* Text that grows; its buffers are freed at the end of the call. */
typedef struct {
    char *data;
    size_t length, capacity;
} buffer;

void append(buffer *to, const char *data, size_t length);
void append_str(buffer *to, const char *terminated);
void append_u64(buffer *to, uint64_t number);
saggar_text finished(buffer from);

/* Text from the host, which is freed at the end of the call. */
saggar_text taken(const char *data, size_t length);

#endif
