/* libc.c: what SQLite names of a C library beside the kit's functions on bytes. No part of host builds, which have a real one. */
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static bool is_in(char c, const char *of) {
    while (*of != '\0' && *of != c) of++;
    return *of != '\0';
}

size_t strspn(const char *text, const char *of) {
    size_t count = 0;
    while (text[count] != '\0' && is_in(text[count], of)) count++;
    return count;
}

size_t strcspn(const char *text, const char *of) {
    size_t count = 0;
    while (text[count] != '\0' && !is_in(text[count], of)) count++;
    return count;
}

char *strrchr(const char *text, int c) {
    const char *found = NULL;
    do {
        if (*text == (char)c) found = text;
    } while (*text++ != '\0');
    return (char *)(uintptr_t)found;
}

char *strchr(const char *text, int c) {
    for (; *text != (char)c; text++) if (*text == '\0') return NULL;
    return (char *)(uintptr_t)text;
}

/* Never called: the store gives SQLite its heap before anything else. */
void *malloc(size_t bytes) {
    (void)bytes;
    return NULL;
}

void *realloc(void *old, size_t bytes) {
    (void)old;
    (void)bytes;
    return NULL;
}

void free(void *bytes) { (void)bytes; }

struct tm *gmtime(const time_t *when) {
    (void)when;
    return NULL;
}

size_t strftime(char *to, size_t room, const char *format, const struct tm *when) {
    (void)to;
    (void)room;
    (void)format;
    (void)when;
    return 0;
}
