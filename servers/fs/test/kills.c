/*
 * kills.c: the machine ends at every write. A run is logged once; for each of its writes the disk is made as it may be then: what was flushed, and of
 * the rest nothing, all, or any sectors. The store must open and be as it was after some step, no earlier than the last sync. Then the recovery is
 * itself ended at its writes.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "modes.h"

enum { MOST_STEPS = 4000 };

static uint64_t digests[MOST_STEPS + 1];
/* The last step that a sync of which had ended, by step. */
static uint64_t synced[MOST_STEPS + 2];
/* The highest id that was given before the step ended. */
static uint64_t highest[MOST_STEPS + 2];
static uint64_t opened, hot;

static bool keep_all(void) { return true; }
static bool keep_some(void) { return one_in(2); }

static void log_run(struct disk *disk, uint64_t steps) {
    struct model start;
    model_init(&start);
    struct model *model = model_copy(&start);
    open_store(disk);
    digests[0] = model_digest(model);
    disk->is_logged = true;
    for (uint64_t i = 1; i <= steps; i++) {
        disk->mark = (uint32_t)i;
        const struct step step = draw_step(model);
        uint64_t created = 0;
        const enum store_error got = store_step(model, &step, &created), expected = model_step(model, &step, created);
        EXPECT(got == expected, "operation %d: %d, not %d", step.operation, got, expected);
        digests[i] = model_digest(model);
        highest[i] = got == STORE_OK && step.operation == CREATE ? created : highest[i - 1];
        /* What is known to last when step i + 1 is under way. */
        synced[i + 1] = step.operation == SYNC || step.operation == IDLE ? i : synced[i];
    }
    EXPECT(store_close() == STORE_OK, "cannot close");
    disk->is_logged = false;
    model_free(model);
}

static void expect_state(struct disk *after, uint32_t mark, size_t at) {
    enum store_error e;
    open_store(after);
    opened++;
    const uint64_t digest = store_digest(&e);
    EXPECT(e == STORE_OK, "killed at write %zu: the store cannot be read: %d", at, e);
    uint64_t step = synced[mark];
    while (step <= mark && digests[step] != digest) step++;
    EXPECT(step <= mark, "killed at write %zu, in step %u: the store is as it never was since step %lu", at, mark, synced[mark]);
}

/* The disk as it may be when the machine ends before entry `at` of the log, whose entries from `flushed` on were not flushed. */
static void make_disk(struct disk *after, const uint8_t *base, const struct disk *run, size_t flushed, size_t at, bool (*keep)(void)) {
    memcpy(after->bytes, base, after->sectors * VOLUME_SECTOR);
    for (size_t i = flushed; i < at && keep != NULL; i++) entry_apply(&run->log[i], after->bytes, keep);
}

/* Ends the recovery of `before` at each of its writes. */
static void kill_recoveries(const struct disk *before, const struct disk *recovery, uint32_t mark, size_t at) {
    struct disk *after = disk_make(before->sectors);
    uint8_t *base = malloc(before->sectors * VOLUME_SECTOR);
    memcpy(base, before->bytes, before->sectors * VOLUME_SECTOR);
    size_t flushed = 0;
    const size_t every = recovery->entries / 12 + 1;
    for (size_t i = 0; i < recovery->entries; i++) {
        if (recovery->log[i].count == 0) {
            for (; flushed < i; flushed++) entry_apply(&recovery->log[flushed], base, keep_all);
        } else if (i % every == 0) {
            make_disk(after, base, recovery, flushed, i + 1, keep_some);
            expect_state(after, mark, at);
            EXPECT(store_close() == STORE_OK, "cannot close");
        }
    }
    free(base);
    disk_free(after);
}

/* A store is made where there was one, up to each write: then there is the old one, none, or the new one. */
static void kill_format(struct disk *old, uint64_t digest) {
    const size_t bytes = old->sectors * VOLUME_SECTOR;
    struct disk *run = disk_make(old->sectors), *after = disk_make(old->sectors);
    uint8_t *base = malloc(bytes);
    struct model empty;
    model_init(&empty);
    memcpy(base, old->bytes, bytes);
    memcpy(run->bytes, old->bytes, bytes);
    run->is_logged = true;
    struct volume volume = disk_volume(run);
    EXPECT(store_format(&volume, heap, sizeof heap) == STORE_OK, "cannot format");
    size_t flushed = 0;
    for (size_t at = 0; at <= run->entries; at++) {
        make_disk(after, base, run, flushed, at, one_in(2) ? keep_all : keep_some);
        volume = disk_volume(after);
        enum store_error e = store_open(&volume, heap, sizeof heap);
        EXPECT(e == STORE_OK || e == STORE_NO_STORE, "a format ended at write %zu leaves what is %d", at, e);
        if (e == STORE_OK) {
            const uint64_t found = store_digest(&e);
            EXPECT(found == digest || found == model_digest(&empty), "a format ended at write %zu leaves something else than the old store or a new one", at);
            EXPECT(store_close() == STORE_OK, "cannot close");
        }
        if (at < run->entries && run->log[at].count == 0) {
            for (; flushed <= at; flushed++) entry_apply(&run->log[flushed], base, keep_all);
        }
    }
    free(base);
    disk_free(run);
    disk_free(after);
}

/* What is to be recovered cannot be, nor looked at, where nothing may be written. */
static void expect_read_only(struct disk *before) {
    before->read_only = true;
    const struct volume volume = disk_volume(before);
    const enum store_error e = store_open(&volume, heap, sizeof heap);
    before->read_only = false;
    if (e == STORE_OK) EXPECT(store_close() == STORE_OK, "cannot close");
    EXPECT(e == STORE_OK || e == STORE_READ_ONLY, "read-only, with a journal: %d", e);
    hot += e == STORE_READ_ONLY;
}

void run_kills(uint64_t seed, uint64_t steps) {
    seed_random(seed);
    EXPECT(steps <= MOST_STEPS, "too many steps");
    struct disk *run = formatted_disk(SMALL_DISK);
    const size_t bytes = SMALL_DISK * VOLUME_SECTOR;
    uint8_t *base = malloc(bytes);
    memcpy(base, run->bytes, bytes);
    log_run(run, steps);
    kill_format(run, digests[steps]);
    struct disk *after = disk_make(SMALL_DISK), *before = disk_make(SMALL_DISK);
    size_t flushed = 0;
    for (size_t at = 0; at <= run->entries; at++) {
        const uint32_t mark = at < run->entries && run->log[at].mark > 0 ? run->log[at].mark : at == 0 ? 1 : (uint32_t)steps;
        static bool (*const keeps[])(void) = {NULL, keep_all, keep_some};
        for (size_t k = 0; k < 3; k++) {
            if (flushed == at && k > 0) break;
            make_disk(after, base, run, flushed, at, keeps[k]);
            memcpy(before->bytes, after->bytes, bytes);
            after->is_logged = true;
            expect_state(after, mark, at);
            after->is_logged = false;
            if (at % 5 == k) expect_sound("after a kill");
            if (at % 20 == k) {
                uint64_t id;
                const enum store_error e = store_create(STORE_ROOT, (struct store_name){"one more", 8}, STORE_FILE, &id);
                EXPECT(e == STORE_OK || e == STORE_QUOTA, "nothing can be made after a kill: %d", e);
                EXPECT(e != STORE_OK || id > highest[mark - 1], "killed at write %zu: id %lu is given again", at, id);
            }
            EXPECT(store_close() == STORE_OK, "cannot close");
            if (after->entries > 0 && k == 2) kill_recoveries(before, after, mark, at);
            if (after->entries > 0 && k == 2) expect_read_only(before);
            disk_forget_log(after);
        }
        if (at < run->entries && run->log[at].count == 0) {
            for (; flushed <= at; flushed++) entry_apply(&run->log[flushed], base, keep_all);
        }
    }
    printf("%zu writes and flushes, %lu disks opened, %lu of them to be recovered\n", run->entries, opened, hot);
    disk_free(run);
    disk_free(after);
    disk_free(before);
    free(base);
}
