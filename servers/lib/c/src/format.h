/* format.h: the formatting of print.h, apart from where the bytes go, so that it also serves a program with another kind of output. */
#pragma once
#include <stdarg.h>

typedef void bw_sink(char c);

/* Sends the text to `sink`, byte by byte. The result is their number. */
__attribute__((format(printf, 2, 0))) int bw_format(bw_sink *sink, const char *format, va_list arguments);
