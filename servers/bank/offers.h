/* offers.h: the banks that the manifest gives: one for each offer, with the offer's name and what `args` says of it. They are emptied when they are destroyed, and never end. */
#pragma once
#include "banks.h"

/* More than this and the manifest is wrong. */
enum { OFFERS = 16 };

struct offer {
    uint16_t bank;
    uint32_t rights;
};

/* False: something is wrong, and the operator has been told what. */
bool offers_make(void);
/* NULL: there is none with this number. */
const struct offer *offer_at(uint64_t number);
