/*
 * scheduler.c: shares the CPU among three threads by a policy of its own. The kernel knows priorities, budgets and turns; here a turn that is over is a
 * message to this program (a Timeout fault), and the thread goes on when it is answered. Who is answered next is all that a scheduler decides.
 */
#include <bailiwick.h>

#include "policy.h"

BW_USE(console);
BW_USE(time);

enum { KEEPER = 130, BADGED, REPLIES = BADGED + WORKERS, CONTEXTS = REPLIES + WORKERS, FINISHED = CONTEXTS + WORKERS, ROOMS = FINISHED + WORKERS, STACK_PAGES = 1 };
enum { PRIORITY = 100, TURN_US = 500, PHASE_US = 600000, PER_CENT = 100, TOLERANCE = 5 };
/* What a worker asks of its scheduler, beside its faults. */
enum { SLEEP = 100 };

struct worker {
    struct bw_thread thread;
    /* A checkable computation: the sum of the numbers below `count`. */
    volatile uint64_t count, sum;
    uint64_t used;
    bool held;
    /* It asks to sleep each time it has used so much; 0: never. */
    volatile uint64_t sleeps_after;
    volatile bool stop;
};
static struct worker workers[WORKERS];

static void work(void *argument) {
    struct worker *self = argument;
    for (uint64_t steps = 1; !self->stop; steps++) {
        const uint64_t n = self->count;
        self->sum += n;
        self->count = n + 1;
        if (self->sleeps_after != 0 && steps % self->sleeps_after == 0) (void)bw_call(BADGED + (bw_cptr)(self - workers), bw_info(SLEEP, 0, 0), 0, 0, 0, 0);
    }
}

static bw_err make(int n) {
    static const char *const names[WORKERS] = {"worker a", "worker b", "worker c"};
    const bw_cptr slot = (bw_cptr)n;
    struct worker *worker = &workers[n];
    const struct bw_thread_room room = {
        .untyped = BW_SLOT_UNTYPED, .slots = ROOMS + slot * BW_THREAD_SLOTS(STACK_PAGES), .address = BW_THREAD_ADDRESSES + slot * BW_THREAD_PAGES(STACK_PAGES) * BW_PAGE, .stack_pages = STACK_PAGES};
    bw_err error = bw_thread_make(&worker->thread, &room, names[n], 0);
    if (error == 0) error = bw_cnode_mint(BW_SLOT_CNODE, BADGED + slot, BW_SLOT_CNODE, KEEPER, BW_ALL_RIGHTS, slot + 1);
    if (error == 0) error = bw_untyped_retype(BW_SLOT_UNTYPED, BW_KIND_REPLY, 0, 1, BW_SLOT_CNODE, REPLIES + slot);
    if (error == 0) error = bw_untyped_retype(BW_SLOT_UNTYPED, BW_KIND_SCHED_CONTEXT, 0, 1, BW_SLOT_CNODE, CONTEXTS + slot);
    if (error == 0) error = bw_untyped_retype(BW_SLOT_UNTYPED, BW_KIND_NOTIFICATION, 0, 1, BW_SLOT_CNODE, FINISHED + slot);
    worker->thread.finished = FINISHED + slot;
    if (error == 0) error = bw_sched_control_configure(bw_use_time.cap, CONTEXTS + slot, TURN_US, TURN_US, slot);
    if (error == 0) error = bw_sched_context_bind(CONTEXTS + slot, worker->thread.tcb);
    if (error == 0) error = bw_tcb_set_priority(worker->thread.tcb, PRIORITY, 0, BW_SLOT_TCB);
    if (error == 0) error = bw_thread_start(&worker->thread, work, worker);
    return error;
}

static uint64_t consumed(int n) {
    uint64_t microseconds = 0;
    (void)bw_sched_context_consumed(CONTEXTS + (bw_cptr)n, &microseconds);
    return microseconds;
}

static uint64_t used_by_all(void) {
    uint64_t all = 0;
    for (int n = 0; n < WORKERS; n++) all += workers[n].used;
    return all;
}

static void begin_phase(const char *title) {
    bw_puts(title);
    for (int n = 0; n < WORKERS; n++) workers[n].used = 0, (void)consumed(n);
}

/* Says whether each had the share it should have had. */
static bool report(const uint64_t expected[WORKERS]) {
    const uint64_t all = used_by_all();
    bool right = true;
    for (int n = 0; n < WORKERS; n++) {
        const uint64_t share = (workers[n].used * PER_CENT + all / 2) / all;
        const bool near = share + TOLERANCE >= expected[n] && share <= expected[n] + TOLERANCE;
        right = right && near;
        if (near) bw_printf("  worker %c: about %lu %%\n", 'a' + n, expected[n]);
        else bw_printf("  worker %c: %lu %% instead of %lu %%\n", 'a' + n, share, expected[n]);
    }
    return right;
}

/* The kernel alone: three threads of one priority, each in its turn. This thread, above them, sleeps on time that it lends to nobody. */
static void round_robin(void) {
    for (int n = 0; n < WORKERS; n++) (void)bw_tcb_set_timeout_keeper(workers[n].thread.tcb, 0);
    while (used_by_all() < PHASE_US) {
        /* At their priority it gets its turn like they do. */
        (void)bw_tcb_set_priority(BW_SLOT_TCB, PRIORITY, 110, BW_SLOT_TCB);
        bw_yield();
        (void)bw_tcb_set_priority(BW_SLOT_TCB, 110, 110, BW_SLOT_TCB);
        for (int n = 0; n < WORKERS; n++) workers[n].used += consumed(n);
    }
}

/*
 * A worker runs only when its last fault or call has been answered; so there is one that runs, and the others are held. Which one is the policy's choice.
 * Sleepers come back when the others have used as much as the sleep is long.
 */
static void by_policy(struct policy *policy) {
    uint64_t wakes_at[WORKERS] = {0};
    for (int n = 0; n < WORKERS; n++) {
        policy->ready[n] = true;
        policy->pass[n] = 0;
        (void)bw_tcb_set_timeout_keeper(workers[n].thread.tcb, BADGED + (bw_cptr)n);
    }
    while (used_by_all() < PHASE_US) {
        for (int n = 0; n < WORKERS; n++) {
            if (!policy->ready[n] && used_by_all() >= wakes_at[n]) policy_return(policy, n);
        }
        const int chosen = policy_next(policy);
        if (chosen < 0) return;
        struct worker *worker = &workers[chosen];
        if (worker->held) worker->held = false, (void)bw_send(REPLIES + (bw_cptr)chosen, bw_info(0, 0, 0), 0, 0, 0, 0);
        uint64_t before = 0;
        (void)bw_sched_context_yield_to(CONTEXTS + (bw_cptr)chosen, &before);
        worker->used += before;

        const struct bw_msg m = bw_recv(KEEPER, REPLIES + (bw_cptr)chosen);
        const int n = (int)m.badge - 1;
        if (bw_error(&m) != 0 || n < 0 || n >= WORKERS) return;
        if (n != chosen) {
            /* At the beginning of a phase all of them run: the others are caught one by one. */
            (void)bw_reply_save(REPLIES + (bw_cptr)chosen, REPLIES + (bw_cptr)n);
        }
        workers[n].held = true;
        const uint64_t used = bw_label(&m) == BW_FAULT_TIMEOUT ? m.w[1] : consumed(n);
        workers[n].used += used;
        policy_charge(policy, n, used);
        if (bw_label(&m) == SLEEP) {
            policy_leave(policy, n);
            wakes_at[n] = used_by_all() + 4 * TURN_US;
        }
    }
}

/* All go on as they would without a scheduler. */
static void release_all(void) {
    for (int n = 0; n < WORKERS; n++) {
        (void)bw_tcb_set_timeout_keeper(workers[n].thread.tcb, 0);
        if (workers[n].held) workers[n].held = false, (void)bw_send(REPLIES + (bw_cptr)n, bw_info(0, 0, 0), 0, 0, 0, 0);
    }
}

/* Waits until all have stopped of themselves, between two additions. */
static bool sums_are_right(void) {
    bool right = true;
    for (int n = 0; n < WORKERS; n++) workers[n].stop = true;
    for (int n = 0; n < WORKERS; n++) {
        bw_thread_join(&workers[n].thread);
        const uint64_t count = workers[n].count;
        right = right && count != 0 && workers[n].sum == count * (count - 1) / 2;
    }
    return right;
}

int main(void) {
    bw_console_open(bw_use_console.cap);
    bw_err error = bw_untyped_retype(BW_SLOT_UNTYPED, BW_KIND_ENDPOINT, 0, 1, BW_SLOT_CNODE, KEEPER);
    for (int n = 0; n < WORKERS && error == 0; n++) error = make(n);
    if (error != 0) {
        bw_printf("could not make the workers: %s\n", bw_error_name(error));
        return 2;
    }
    bool right = true;

    begin_phase("the kernel's own round robin");
    round_robin();
    right &= report((const uint64_t[]){33, 33, 33});

    begin_phase("by tickets, 3 : 2 : 1");
    struct policy policy = {.tickets = {3, 2, 1}};
    by_policy(&policy);
    right &= report((const uint64_t[]){50, 33, 17});
    release_all();

    begin_phase("the same, and worker a sleeps after each little step: what it leaves is shared 2 : 1");
    workers[0].sleeps_after = 20;
    by_policy(&policy);
    workers[0].sleeps_after = 0;
    right &= report((const uint64_t[]){0, 67, 33});
    release_all();

    const bool sums = sums_are_right();
    bw_puts(sums ? "their computations are right" : "a computation is wrong");
    return right && sums ? 0 : 1;
}
