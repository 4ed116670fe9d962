/* stdlib.h: SQLite names these; its memory is the heap that the store is given, so there is none here (../libc.c). */
#pragma once
#include <stddef.h>

void *malloc(size_t bytes);
void *realloc(void *old, size_t bytes);
void free(void *bytes);
