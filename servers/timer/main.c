/*
 * The clock's driver: the goldfish clock's one alarm, shared by many. Protocol: protocol.ts; behaviour: README.md.
 *
 * Invariants
 *   T1  The device's alarm is set to the earliest time anybody waits for, and nobody waits for one that is past.
 *   T2  A client has at most MOST_SLEEPS callers asleep and one alarm: nobody can use up the places of others.
 * Source: Linux drivers/rtc/rtc-goldfish.c.
 */
#include <bailiwick.h>
#include <bailiwick/timer.h>

BW_USE(regs);
BW_USE(irq);

enum { TIME_LOW = 0x00 / 4, TIME_HIGH = 0x04 / 4, ALARM_LOW = 0x08 / 4, ALARM_HIGH = 0x0c / 4, IRQ_ENABLED = 0x10 / 4, CLEAR_ALARM = 0x14 / 4, CLEAR_INTERRUPT = 0x1c / 4 };

/* Places. A notification or a reply object for each, in the upper half of the CSpace, which is the program's own. */
enum { PLACES = 60, MOST_SLEEPS = 4, SLOT_RECEIVED = 128, SLOT_REPLIES = 129, SLOT_BELLS = SLOT_REPLIES + PLACES };
_Static_assert(SLOT_BELLS + PLACES <= 256, "all slots are there");

enum use { FREE, SLEEP, ALARM };
static struct place {
    enum use use;
    uint64_t client;
    uint64_t at;
    bw_cptr reply;
} places[PLACES];

static struct bw_service service;

static uint64_t now(void) {
    volatile uint32_t *r = (volatile uint32_t *)bw_use_regs.address;
    const uint64_t low = r[TIME_LOW];
    return (uint64_t)r[TIME_HIGH] << 32 | low;
}

static void ring(struct place *p, uint64_t time) {
    if (p->use == SLEEP) {
        (void)bw_send(p->reply, bw_info(0, 1, 0), time, 0, 0, 0);
    } else {
        const bw_cptr bell = SLOT_BELLS + (bw_cptr)(p - places);
        (void)bw_signal(bell);
        (void)bw_cnode_delete(BW_SLOT_CNODE, bell);
    }
    p->use = FREE;
}

/* Wakes whose time has come, and asks the device for the next. */
static void go_on(void) {
    volatile uint32_t *r = (volatile uint32_t *)bw_use_regs.address;
    const uint64_t time = now();
    uint64_t next = UINT64_MAX;
    for (uint32_t i = 0; i < PLACES; i++) {
        if (places[i].use != FREE && places[i].at <= time) ring(&places[i], time);
        if (places[i].use != FREE && places[i].at < next) next = places[i].at;
    }
    if (next == UINT64_MAX) {
        r[CLEAR_ALARM] = 1;
        return;
    }
    r[ALARM_HIGH] = (uint32_t)(next >> 32);
    r[ALARM_LOW] = (uint32_t)next;
}

/* A free place, NULL when there is none, or when the client has `most` of this use already. */
static struct place *place_for(uint64_t client, enum use use, uint32_t most) {
    struct place *free = NULL;
    uint32_t has = 0;
    for (uint32_t i = 0; i < PLACES; i++) {
        if (places[i].use == FREE) free = free == NULL ? &places[i] : free;
        else has += places[i].client == client && places[i].use == use;
    }
    return has < most ? free : NULL;
}

static struct place *alarm_of(uint64_t client) {
    for (uint32_t i = 0; i < PLACES; i++) if (places[i].use == ALARM && places[i].client == client) return &places[i];
    return NULL;
}

static uint32_t do_now(struct bw_request *r) {
    r->w[0] = now();
    r->answer_length = 1;
    return 0;
}

static uint32_t do_sleep(struct bw_request *r) {
    if (r->w[0] <= now()) return do_now(r);
    struct place *p = place_for(r->badge, SLEEP, MOST_SLEEPS);
    if (p == NULL) return TIMER_E_FULL;
    /* The caller stays in the reply object it came with; the free one of this place receives from now on. */
    service.reply = p->reply;
    *p = (struct place){.use = SLEEP, .client = r->badge, .at = r->w[0], .reply = r->reply};
    go_on();
    return BW_LATER;
}

static bool take_back(uint64_t client) {
    struct place *p = alarm_of(client);
    if (p == NULL) return false;
    (void)bw_cnode_delete(BW_SLOT_CNODE, SLOT_BELLS + (bw_cptr)(p - places));
    p->use = FREE;
    return true;
}

static uint32_t do_alarm(struct bw_request *r) {
    uint32_t kind = 0, rights = 0;
    if (r->caps != 1 || r->unwrapped != 0 || bw_discrim_classify(BW_SLOT_DISCRIM, SLOT_RECEIVED, &kind, &rights) != 0) return TIMER_E_NO_CAPABILITY;
    if (kind != BW_KIND_NOTIFICATION || (rights & BW_RIGHT_WRITE) == 0) return TIMER_E_NO_CAPABILITY;
    (void)take_back(r->badge);
    struct place *p = place_for(r->badge, ALARM, 1);
    if (p == NULL) return TIMER_E_FULL;
    if (bw_cnode_move(BW_SLOT_CNODE, SLOT_BELLS + (bw_cptr)(p - places), BW_SLOT_CNODE, SLOT_RECEIVED) != 0) return TIMER_E_NO_CAPABILITY;
    p->use = ALARM;
    p->client = r->badge;
    p->at = r->w[0];
    go_on();
    return 0;
}

static uint32_t do_cancel(struct bw_request *r) {
    r->w[0] = take_back(r->badge);
    r->answer_length = 1;
    go_on();
    return 0;
}

static void notified(uint64_t bits) {
    if ((bits & bw_use_irq.badge) == 0) return;
    ((volatile uint32_t *)bw_use_regs.address)[CLEAR_INTERRUPT] = 1;
    go_on();
    (void)bw_irq_ack(bw_use_irq.cap);
}

int main(void) {
    if (bw_untyped_retype(BW_SLOT_UNTYPED, BW_KIND_REPLY, 0, PLACES, BW_SLOT_CNODE, SLOT_REPLIES) != 0) {
        bw_log("too little memory for its reply objects");
        return 1;
    }
    for (uint32_t i = 0; i < PLACES; i++) places[i].reply = SLOT_REPLIES + i;
    ((volatile uint32_t *)bw_use_regs.address)[IRQ_ENABLED] = 1;
    (void)bw_irq_ack(bw_use_irq.cap);
    static const struct bw_method methods[] = {
        {.label = TIMER_NOW, .words = 0, .handle = do_now},
        {.label = TIMER_SLEEP_UNTIL, .words = 1, .handle = do_sleep},
        {.label = TIMER_ALARM, .words = 1, .handle = do_alarm},
        {.label = TIMER_CANCEL, .words = 0, .handle = do_cancel},
    };
    service = (struct bw_service){
        .methods = methods, .count = sizeof methods / sizeof *methods, .bad_request = TIMER_E_BAD_REQUEST, .notified = notified, .reply = BW_SLOT_REPLY,
        .receive_first = SLOT_RECEIVED, .receive_count = 1,
    };
    bw_serve(&service);
}
