/* policy.c: stride scheduling; see policy.h. */
#include "policy.h"

/* Keeps the quotients of microseconds exact enough. */
#define SCALE 1024U

int policy_next(const struct policy *policy) {
    int best = -1;
    for (int n = 0; n < WORKERS; n++) {
        if (policy->ready[n] && (best < 0 || policy->pass[n] < policy->pass[best])) best = n;
    }
    return best;
}

void policy_charge(struct policy *policy, int n, uint64_t microseconds) { policy->pass[n] += microseconds * SCALE / policy->tickets[n]; }

void policy_leave(struct policy *policy, int n) { policy->ready[n] = false; }

void policy_return(struct policy *policy, int n) {
    const int next = policy_next(policy);
    if (next >= 0 && policy->pass[n] < policy->pass[next]) policy->pass[n] = policy->pass[next];
    policy->ready[n] = true;
}
