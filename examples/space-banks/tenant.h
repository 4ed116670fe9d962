/* tenant.h: a thread that lives in bought memory: its TCB, its time, its stack are made of a block, and it buys more with the bank that it was given. */
#pragma once
#include <bailiwick.h>

struct tenant {
    bw_cptr bank;
    /* What the thread itself is made of. */
    bw_cptr block;
    struct bw_thread thread;
    /* Slots that are the tenant's: what it is made of, and what it buys. */
    bw_cptr slots;
    uint64_t address;
    /* What it has come to, for the landlord to see. */
    volatile uint32_t bought, refusal, steps;
};

enum { TENANT_SLOTS = 200 };

/* A block of the tenant's bank, and a thread of that: it runs when the landlord yields. time: SchedControl. 0, or what went wrong. */
bw_err tenant_move_in(struct tenant *tenant, const char *name, bw_cptr time);
/* Whether it still runs. */
bool tenant_runs(struct tenant *tenant);
/* Capabilities in its slots. */
uint32_t tenant_belongings(const struct tenant *tenant);
