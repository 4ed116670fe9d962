/*
 * policy.h: stride scheduling. Who holds more tickets gets more of the CPU, in proportion to what was really used, however unevenly it is used.
 * Source: Waldspurger and Weihl 1995. It knows nothing of threads: numbers in, a number out.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

enum { WORKERS = 3 };

struct policy {
    uint64_t tickets[WORKERS];
    /* Time used, divided by tickets: the one with the least is next. */
    uint64_t pass[WORKERS];
    bool ready[WORKERS];
};

/* Who is to run now; -1 when nobody is ready. */
int policy_next(const struct policy *policy);
/* Worker n ran for so long. */
void policy_charge(struct policy *policy, int n, uint64_t microseconds);
/* Worker n leaves the race, or comes back to it: what the others used meanwhile is not owed to it. */
void policy_leave(struct policy *policy, int n);
void policy_return(struct policy *policy, int n);
