/* main.c: MODE SEED COUNT. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "modes.h"

_Alignas(16) uint8_t heap[HEAP_BYTES];

struct disk *formatted_disk(uint64_t sectors) {
    struct disk *disk = disk_make(sectors);
    const struct volume volume = disk_volume(disk);
    const enum store_error e = store_format(&volume, heap, sizeof heap);
    EXPECT(e == STORE_OK, "cannot format: %d", e);
    return disk;
}

void open_store(struct disk *disk) {
    const struct volume volume = disk_volume(disk);
    const enum store_error e = store_open(&volume, heap, sizeof heap);
    EXPECT(e == STORE_OK, "cannot open: %d", e);
}

void expect_sound(const char *when) {
    char what[200];
    const enum store_error e = store_check(what, sizeof what);
    EXPECT(e == STORE_OK, "%s the check fails: %d: %s", when, e, what);
}

void take_step(struct model *model) {
    const struct step step = draw_step(model);
    uint64_t created = 0;
    const enum store_error got = store_step(model, &step, &created), expected = model_step(model, &step, created);
    EXPECT(got == expected, "operation %d: %d, not %d", step.operation, got, expected);
}

int main(int count, char **arguments) {
    static const struct {
        const char *name;
        void (*run)(uint64_t seed, uint64_t count);
    } modes[] = {
        {"model", run_model}, {"kills", run_kills}, {"disk", run_disk_faults}, {"heap", run_heap_faults}, {"full", run_full}, {"hostile", run_hostile}, {"lending", run_lending}, {"numbers", run_numbers},
    };
    for (size_t i = 0; count == 4 && i < sizeof modes / sizeof *modes; i++) {
        if (strcmp(arguments[1], modes[i].name) != 0) continue;
        modes[i].run(strtoull(arguments[2], NULL, 10), strtoull(arguments[3], NULL, 10));
        return 0;
    }
    fprintf(stderr, "usage: MODE SEED COUNT\n");
    return 2;
}
