/*
 * print.h: text to a console (servers/console/protocol.ts). One buffer a program, written out when it is full, at the end of a line and at exit;
 * for one thread of the program. Until bw_console_open, or when the console is gone, text goes nowhere.
 */
#pragma once
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <bailiwick/syscall.h>

/* From now on text goes to this endpoint capability. What is in the buffer goes to the one before. */
void bw_console_open(bw_cptr console);

/*
 * %s %c %d %i %u %x %X %p %%, with l, ll or z, a width, `-` and `0`. The result is the number of bytes. A conversion that is not in this list is
 * printed as it stands.
 */
__attribute__((format(printf, 1, 2))) int bw_printf(const char *format, ...);
__attribute__((format(printf, 1, 0))) int bw_vprintf(const char *format, va_list arguments);

/* The text, at most 255 bytes of it, until the next call of this or of bw_logf. */
__attribute__((format(printf, 1, 2))) const char *bw_formatted(const char *format, ...);
/* A line for the operator's log (bw_log), at most 255 bytes of it. Not to be used by two threads at once. */
__attribute__((format(printf, 1, 2))) void bw_logf(const char *format, ...);

/* Bytes as they are. */
void bw_write(const void *bytes, size_t count);
void bw_putchar(char c);
/* The text and a newline. */
void bw_puts(const char *text);
/* Writes out what is in the buffer. */
void bw_flush(void);
