/* views.c: see views.h. A badge of a view that was made: BW_BADGE_MINTED, 47 bits of how often its place was used, 16 of its number. */
#include "views.h"

#include <bailiwick.h>
#include <bailiwick/nic.h>

#include "clock.h"

enum { NUMBER_BITS = 16, QUOTAS = 64 };

/* The manifest's offers first. */
static struct view views[VIEWS];
static bool monitors[OFFERS];
static const char *names[PORTS];
/* Of the manifest's clients that have one. */
static struct quota {
    uint64_t badge;
    struct rates rates;
} quotas[QUOTAS];
static uint32_t quotas_used;

static void set_up(struct view *view, uint32_t port, struct view *above, const struct policy *policy) {
    const uint64_t times = view->times + 1;
    *view = (struct view){.used = true, .times = times, .port = port, .above = above, .depth = above == NULL ? 0 : above->depth + 1, .policy = *policy};
    view->any_mac = policy->any_mac && (above == NULL || above->any_mac);
    view->isolated = policy->isolated || (above != NULL && above->isolated);
    view->rated = above != NULL && above->rated;
    for (uint32_t d = 0; d < DIRECTIONS; d++) view->rated = view->rated || policy->frames[d] > 0 || policy->bytes[d] > 0;
    for (uint32_t d = 0; d < DIRECTIONS; d++) view->rates.frames[d].per_second = policy->frames[d], view->rates.bytes[d].per_second = policy->bytes[d];
}

/* An argument of an offer: one line, or a list of them. NULL, or the line that is none. */
static const char *read_policy(struct policy *policy, const char *offer) {
    const char *line = bw_arg(offer);
    if (line != NULL) return policy_add(policy, line, strlen(line)) ? NULL : line;
    for (uint32_t i = 0; (line = bw_arg_at(offer, i)) != NULL; i++) if (!policy_add(policy, line, strlen(line))) return line;
    return NULL;
}

/* False: there are too many. */
static bool read_quotas(uint64_t offer) {
    const uint32_t clients = bw_clients();
    for (uint64_t client = 1; client <= clients; client++) {
        const uint64_t badge = offer << 16 | client, frames = bw_quota(badge, BW_QUOTA_PER_SECOND, 0), bytes = bw_quota(badge, BW_QUOTA_BYTES_PER_SECOND, 0);
        if (frames == 0 && bytes == 0) continue;
        if (quotas_used == QUOTAS) return false;
        struct quota *quota = &quotas[quotas_used++];
        quota->badge = badge;
        for (uint32_t d = 0; d < DIRECTIONS; d++) quota->rates.frames[d].per_second = frames, quota->rates.bytes[d].per_second = bytes;
    }
    return true;
}

static struct rates *quota_of(uint64_t badge) {
    for (uint32_t i = 0; i < quotas_used; i++) if (quotas[i].badge == badge) return &quotas[i].rates;
    return NULL;
}

const char *views_begin(uint32_t *ports) {
    static struct policy policy;
    for (uint32_t i = 0; i < OFFERS && bw_offer(i) != NULL; i++) {
        const char *line = bw_arg(bw_offer(i));
        monitors[i] = line != NULL && strcmp(line, "monitor") == 0;
        if (monitors[i]) continue;
        if (*ports == PORTS) return "there are at most 12 ports";
        policy = (struct policy){0};
        line = read_policy(&policy, bw_offer(i));
        if (line != NULL) {
            bw_log(line);
            return "this line of an offer is no rule, or one too many: 8 of 'ip', 16 of 'arp', 'to' and 'from'";
        }
        if (!read_quotas(i)) return "there are at most 64 clients with a quota";
        set_up(&views[i], *ports, NULL, &policy);
        names[(*ports)++] = bw_offer(i);
    }
    return *ports == 0 ? "there are no ports: each offer is one" : NULL;
}

const char *view_name(uint32_t port) { return names[port]; }

struct view *view_of_port(uint32_t port) {
    struct view *view = views;
    while (!view->used || view->port != port) view++;
    return view;
}

struct view *view_of(uint64_t badge) {
    const uint64_t number = badge & UINT16_MAX, times = (badge & ~BW_BADGE_MINTED) >> NUMBER_BITS;
    if ((badge & BW_BADGE_MINTED) == 0) return badge >> 16 < OFFERS && views[badge >> 16].used ? &views[badge >> 16] : NULL;
    return number >= OFFERS && number < VIEWS && views[number].used && views[number].times == times ? &views[number] : NULL;
}

bool is_monitor(uint64_t badge) { return (badge & BW_BADGE_MINTED) == 0 && badge >> 16 < OFFERS && monitors[badge >> 16]; }

void view_used(struct view *view, uint64_t badge) {
    if (view->above == NULL) view->quota = quota_of(badge);
}

uint64_t view_make(struct view *above, uint64_t badge, const struct policy *policy) {
    const uint32_t first = OFFERS + above->port * VIEWS_EACH;
    for (uint32_t i = first; above->depth < VIEW_DEPTH && i < first + VIEWS_EACH; i++) {
        if (views[i].used) continue;
        set_up(&views[i], above->port, above, policy);
        views[i].quota = above->above == NULL ? quota_of(badge) : above->quota;
        return BW_BADGE_MINTED | views[i].times << NUMBER_BITS | i;
    }
    return 0;
}

bool view_is_under(const struct view *view, const struct view *above) {
    while (view != NULL && view != above) view = view->above;
    return view != NULL;
}

bool view_close(struct view *view) {
    if (view < views + OFFERS) return false;
    /* From below, so that each is found through what is above it. */
    for (uint32_t depth = VIEW_DEPTH; depth > 0; depth--) {
        for (uint32_t i = OFFERS; i < VIEWS; i++) if (views[i].used && views[i].depth == depth && view_is_under(&views[i], view)) views[i].used = false;
    }
    return true;
}

static bool rates_allow(const struct rates *rates, enum direction direction, uint32_t bytes, uint64_t now) {
    return bw_rate_allows(&rates->frames[direction], 1, 1, now) && bw_rate_allows(&rates->bytes[direction], bytes, BW_NIC_MOST_FRAME, now);
}

static void rates_take(struct rates *rates, enum direction direction, uint32_t bytes, uint64_t now) {
    bw_rate_take(&rates->frames[direction], 1, now);
    bw_rate_take(&rates->bytes[direction], bytes, now);
}

bool view_may_send(struct view *view, uint32_t bytes, uint64_t *due) {
    if (view->quota == NULL) return true;
    const uint64_t now = clock_now(), frame = bw_rate_due(&view->quota->frames[SEND], 1, 1), whole = bw_rate_due(&view->quota->bytes[SEND], bytes, BW_NIC_MOST_FRAME);
    *due = frame > whole ? frame : whole;
    if (*due > now) return false;
    rates_take(view->quota, SEND, bytes, now);
    return true;
}

enum verdict view_check(struct view *view, enum direction direction, const uint8_t *frame, uint32_t bytes, uint64_t own) {
    for (const struct view *v = view; v != NULL; v = v->above) {
        const enum verdict verdict = policy_check(&v->policy, direction, frame, bytes, own);
        if (verdict != PASS) return verdict;
    }
    /* The time is asked of another server: only where it matters. */
    struct rates *quota = direction == RECEIVE ? view->quota : NULL;
    if (!view->rated && quota == NULL) return PASS;
    const uint64_t now = clock_now();
    if (quota != NULL && !rates_allow(quota, direction, bytes, now)) return DROP_RATE;
    for (const struct view *v = view; v != NULL; v = v->above) if (!rates_allow(&v->rates, direction, bytes, now)) return DROP_RATE;
    if (quota != NULL) rates_take(quota, direction, bytes, now);
    for (struct view *v = view; v != NULL; v = v->above) rates_take(&v->rates, direction, bytes, now);
    return PASS;
}
