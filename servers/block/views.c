/* views.c: see views.h. */
#include "views.h"

#include <bailiwick.h>

enum { OFFERS = 16, VIEWS = 64 };
/* A badge of this server's making: a view's number. */
#define MINTED (1ULL << 31)

/* The first OFFERS are the manifest's. */
static struct view views[VIEWS];
static uint32_t used = OFFERS;

const struct view *view_of(uint64_t badge) {
    const uint64_t number = (badge & MINTED) != 0 ? badge - MINTED : badge >> 16;
    return (badge & MINTED) != 0 ? (number < used ? &views[number] : NULL) : number < OFFERS ? &views[number] : NULL;
}

uint64_t view_origin(uint64_t badge) { return (badge & MINTED) != 0 ? view_of(badge)->origin : badge; }

uint64_t view_restrict(uint64_t maker, uint64_t first, uint64_t count, bool read_only) {
    const struct view *view = view_of(maker);
    const struct view made = {.first = view->first + first, .sectors = count, .read_only = view->read_only || read_only, .maker = maker, .origin = view_origin(maker)};
    uint32_t number = OFFERS;
    /* The same client may have one like it already, and shares its channel: who asks again and again uses up nothing. Another's would be another's channel. */
    while (number < used && (views[number].maker != made.maker || views[number].first != made.first || views[number].sectors != made.sectors || views[number].read_only != made.read_only)) number++;
    if (number == VIEWS) return 0;
    if (number == used) views[used++] = made;
    return MINTED | number;
}

bool views_begin(uint64_t sectors, bool read_only) {
    for (uint32_t i = 0; i < OFFERS && bw_offer(i) != NULL; i++) {
        const char *offer = bw_offer(i);
        const uint64_t first = bw_number(bw_arg_in(offer, "first"), 0), count = bw_number(bw_arg_in(offer, "sectors"), first < sectors ? sectors - first : 0);
        if (count == 0 || first > sectors || count > sectors - first) return false;
        views[i] = (struct view){.first = first, .sectors = count, .read_only = read_only || bw_number(bw_arg_in(offer, "readOnly"), 0) == 1};
    }
    return true;
}
