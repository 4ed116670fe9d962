/* models.c: random operations against the model, with the store closed and opened in between. */
#include <stdio.h>

#include "modes.h"

void run_model(uint64_t seed, uint64_t steps) {
    seed_random(seed);
    struct disk *disk = formatted_disk(SMALL_DISK * 4);
    struct model start;
    model_init(&start);
    struct model *model = model_copy(&start);
    open_store(disk);
    for (uint64_t i = 0; i < steps; i++) {
        take_step(model);
        if (i % 100 == 99 || i == steps - 1) {
            enum store_error e;
            EXPECT(store_digest(&e) == model_digest(model), "the store holds something else, after step %lu", i);
            expect_sound("between steps");
        }
        if (!one_in(300)) continue;
        EXPECT(store_close() == STORE_OK, "cannot close");
        disk->read_only = one_in(4);
        open_store(disk);
        if (disk->read_only) {
            uint64_t id;
            enum store_error e;
            EXPECT(store_create(STORE_ROOT, (struct store_name){"new", 3}, STORE_FILE, &id) == STORE_READ_ONLY, "a volume that is read-only is changed");
            EXPECT(store_digest(&e) == model_digest(model), "read-only, the store holds something else");
            EXPECT(store_close() == STORE_OK, "cannot close");
            disk->read_only = false;
            open_store(disk);
        }
    }
    EXPECT(store_losses() == 0, "something was lost");
    EXPECT(store_close() == STORE_OK, "cannot close");
    model_free(model);
    disk_free(disk);
    printf("%lu steps\n", steps);
}
