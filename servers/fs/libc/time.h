/* time.h: there is no calendar here; what SQLite would say of dates is NULL (../libc.c). */
#pragma once
#include <stddef.h>

typedef long time_t;
struct tm {
    int tm_sec, tm_min, tm_hour, tm_mday, tm_mon, tm_year, tm_wday, tm_yday, tm_isdst;
};

struct tm *gmtime(const time_t *when);
size_t strftime(char *to, size_t room, const char *format, const struct tm *when);
