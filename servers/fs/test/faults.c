/*
 * faults.c: a short run, again and again; each time another call of the disk, or another allocation of SQLite's, fails: once, a few times, or all from
 * then on to the end of the run. Then nothing fails any more, and the store must be as it was after some step since the last sync that it granted, with
 * nothing gone but where it counted a loss.
 */
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>

#include "modes.h"

enum { MOST_STEPS = 200 };

/* The allocations. */

static uint64_t allocations, fail_allocation, fail_allocations;
static sqlite3_mem_methods real;

static bool allocation_fails(void) {
    allocations++;
    return fail_allocation != 0 && allocations >= fail_allocation && allocations - fail_allocation < fail_allocations;
}

static void *allocate(int bytes) { return allocation_fails() ? NULL : real.xMalloc(bytes); }
static void *reallocate(void *old, int bytes) { return allocation_fails() ? NULL : real.xRealloc(old, bytes); }

int __real_sqlite3_initialize(void);
int __wrap_sqlite3_initialize(void);

/* The store has given SQLite its heap; what hands it out is put behind ours. */
int __wrap_sqlite3_initialize(void) {
    sqlite3_mem_methods ours;
    (void)sqlite3_config(SQLITE_CONFIG_GETMALLOC, &real);
    ours = real;
    ours.xMalloc = allocate;
    ours.xRealloc = reallocate;
    (void)sqlite3_config(SQLITE_CONFIG_MALLOC, &ours);
    return __real_sqlite3_initialize();
}

/* The run. */

static struct model *states[MOST_STEPS + 1];
static uint64_t digests[MOST_STEPS + 1];
static uint64_t first, last, highest_id;

static void keep_state(const struct model *model) {
    states[last] = model_copy(model);
    digests[last] = model_digest(model);
}

static void forget_states(void) {
    for (; first < last; first++) model_free(states[first]);
}

/* Where a failure has left the store: where it was before or after the step that failed; when it has counted a loss, in any state since the last sync. */
static void find_state(uint64_t losses) {
    enum store_error e = STORE_OK;
    uint64_t digest = 0;
    /* Faults go on for a while. */
    for (int tries = 0; tries < 20000 && digest == 0; tries++) digest = store_digest(&e);
    EXPECT(digest != 0, "the store cannot be read any more: %d", e);
    const uint64_t lowest = store_losses() != losses || last == first ? first : last - 1;
    uint64_t at = last;
    while (at > lowest && digests[at] != digest) at--;
    EXPECT(digests[at] == digest, "after a failure the store is in no state that it was in since the last sync, or lost something without counting it");
    while (last > at) model_free(states[last--]);
}

static bool is_failure(enum store_error e) { return e == STORE_DEVICE || e == STORE_NO_MEMORY; }

static void run_once(struct disk *disk, uint64_t seed, uint64_t steps) {
    seed_random(seed);
    struct model start;
    model_init(&start);
    first = last = 0;
    keep_state(&start);
    const struct volume volume = disk_volume(disk);
    enum store_error e = store_open(&volume, heap, sizeof heap);
    for (int tries = 0; is_failure(e) && tries < 20000; tries++) e = store_open(&volume, heap, sizeof heap);
    EXPECT(e == STORE_OK, "cannot open: %d", e);
    highest_id = 0;
    for (uint64_t i = 0; i < steps; i++) {
        struct model *after = model_copy(states[last]);
        const struct step step = draw_step(after);
        const uint64_t losses = store_losses();
        uint64_t created = 0;
        const enum store_error got = store_step(after, &step, &created), expected = model_step(after, &step, created);
        EXPECT(got == expected || is_failure(got), "operation %d: %d, not %d", step.operation, got, expected);
        if (got == STORE_OK && step.operation == CREATE) {
            EXPECT(created > highest_id, "id %lu is given again", created);
            highest_id = created;
        }
        last++;
        keep_state(after);
        model_free(after);
        const bool lost = store_losses() != losses;
        if (got == STORE_OK && lost) give_up("a loss, and nobody was told");
        if (is_failure(got)) find_state(losses);
        if (got == STORE_OK && (step.operation == SYNC || step.operation == IDLE)) forget_states();
    }
}

static void end_run(void) {
    const uint64_t losses = store_losses();
    enum store_error e;
    EXPECT(store_digest(&e) == digests[last], "after the failures the store holds something else");
    expect_sound("after the failures");
    EXPECT(store_losses() == losses, "a loss without a failure");
    EXPECT(store_close() == STORE_OK, "cannot close");
    first = first < last ? first : last;
    for (; first <= last; first++) model_free(states[first]);
}

static struct disk *base_disk(void) { return formatted_disk(SMALL_DISK); }

void run_disk_faults(uint64_t seed, uint64_t steps) {
    static const uint64_t lengths[] = {1, 3, 1000};
    EXPECT(steps <= MOST_STEPS, "too many steps");
    uint64_t calls = 1, runs = 0;
    for (uint64_t at = 0; at <= calls; at++) {
        struct disk *disk = base_disk();
        disk->calls = 0;
        disk->fail_at = at;
        disk->fail_count = lengths[at % 3];
        run_once(disk, seed, steps);
        if (at == 0) calls = disk->calls;
        disk->fail_at = 0;
        end_run();
        disk_free(disk);
        runs++;
    }
    printf("%lu runs, %lu losses\n", runs, store_losses());
}

void run_heap_faults(uint64_t seed, uint64_t steps) {
    static const uint64_t lengths[] = {1, 2, 300};
    EXPECT(steps <= MOST_STEPS, "too many steps");
    uint64_t most = 1, runs = 0;
    for (uint64_t at = 0; at <= most; at++) {
        struct disk *disk = base_disk();
        allocations = 0;
        fail_allocation = at;
        fail_allocations = lengths[at % 3];
        run_once(disk, seed, steps);
        if (at == 0) most = allocations;
        fail_allocation = 0;
        end_run();
        disk_free(disk);
        runs++;
    }
    printf("%lu runs, %lu losses\n", runs, store_losses());
}
