/* check.h: the invariants of memory.h and banks.h, worked out from the tables and the kernel's capabilities, without what the bank itself counts. */
#pragma once

/* The numbers of those that do not hold, one after the other; empty: all do. */
const char *check(void);
