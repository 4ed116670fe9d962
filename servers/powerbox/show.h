/*
 * show.h: what programs and file names bring, made fit to be seen. Invariant P3: of such bytes only '!' to '~' and spaces reach the terminal as they are; `"` and
 * `\` get a `\` before them, all others are \xNN. So what stands in quotes ends where they end, and draws nothing.
 */
#pragma once
#include <stddef.h>
#include <stdint.h>

/* In quotes, a NUL at the end, in at most `room` bytes (at least 8); what does not fit is cut, and "..." behind the quotes says so. Returns `to`. */
char *quote(char *to, size_t room, const void *bytes, size_t count);
/* As quote, but the end of it is what is shown, and "..." stands before the quotes. */
char *quote_end(char *to, size_t room, const void *bytes, size_t count);
/* A line of these texts, up to NULL, for the operator's log. */
void log_all(const char *const *texts);
/* Lines of at most 72 columns, each with `  | ` before it. */
void show_words(const void *bytes, size_t count);
/* "read and change": what these rights of a file, or of a directory, let one do. */
const char *rights_text(uint32_t rights, uint32_t kind);
