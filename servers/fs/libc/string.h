/* string.h: the kit's functions on bytes, and those that SQLite needs beside them (../libc.c). As in ISO C 7.24. */
#pragma once
#include <bailiwick/string.h>

size_t strspn(const char *text, const char *of);
size_t strcspn(const char *text, const char *of);
char *strchr(const char *text, int c);
char *strrchr(const char *text, int c);
