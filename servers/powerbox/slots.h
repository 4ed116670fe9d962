/* slots.h: where this program keeps what it makes, in its own part of the CSpace. */
#pragma once

enum { REQUESTS = 33, GRANTS = 30 };
enum {
    SLOT_BELL = 128,
    /* The directory that is shown, and the next one on the way to it. */
    SLOT_PLACE,
    SLOT_STEP,
    /* What was chosen, until it is lent. */
    SLOT_CHOSEN,
    /* Reply objects: one that is free, and one for each request. */
    SLOT_SPARE,
    SLOT_REPLIES,
    SLOT_GRANTS = SLOT_REPLIES + REQUESTS,
};
_Static_assert(SLOT_GRANTS + GRANTS <= 256, "all slots are there");
