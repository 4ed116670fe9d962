/* math.h: SQLite needs no more of it. */
#pragma once
#define fabs(x) __builtin_fabs(x)
#define INFINITY __builtin_inff()
