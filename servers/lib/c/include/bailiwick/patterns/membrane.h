/*
 * patterns/membrane.h: two sides that reach each other through this program only. What one side passes to the other, in a request or an answer, arrives wrapped: it leads
 * through the membrane too, and so on for whatever passes by that. One call takes all of it back.
 *
 *   M1  Over the membrane goes no capability but wrappers of what the other side passed, and one's own that come home: an original reaches no side but its own.
 *   M2  What is wrapped is an endpoint or a notification, with no more rights than it came with, and never Read: nobody receives through a membrane. All else is
 *       refused and counted: CNodes, Untypeds, threads, and frames, since the kernel could not take back a copy of one (lend.h).
 *   M3  The same capability has the same wrapper as long as that is in use, and one that comes back to its side arrives as what it was.
 *   M4  After bw_membrane_revoke no wrapper leads anywhere, whoever has it; calls that are inside a target have ended. A badge is never given twice.
 *   M5  A side has `each` places at most: one that passes without end takes none from the other. A place whose original is gone is free again.
 *   M6  A call never waits for itself where there are several threads: the last that is free refuses (`busy`).
 *
 * A side is who holds the capability: whoever is given what one side received is on that side, and can unwrap what passes. A wrapper is to be kept as the original would be.
 * The target sees this program as its client. A Send is carried out as a Call whose answer nobody gets.
 * Source: Miller, "Robust Composition", 9 (membrane); the unwrapping is the kernel's (a badge of one's own endpoint), the comparison Discrim's.
 */
#pragma once
#include <stdbool.h>

#include <bailiwick/serve.h>
#include <bailiwick/thread.h>

enum bw_side { BW_INNER = 0, BW_OUTER = 1 };

/* So many wrappers have badges of their own, from `badge_first` on, in a membrane's life; then it is full for good. */
#define BW_MEMBRANE_BADGES (1U << 24)

/* A place for what passed: two slots, its own capability and the wrapper. */
struct bw_membrane_place {
    /* Number of its badge, from 1. 0: free. */
    uint32_t serial;
    uint32_t kind;
    uint32_t rights;
    enum bw_side side;
    /* Notifications: the bit that stands for it. */
    uint32_t bit;
    /* Messages on their way that name one of its slots: so long they are nobody else's. */
    uint32_t pins;
};

/* What a thread needs to carry calls out. A membrane of one thread has one. */
struct bw_membrane_port {
    /* The reply object it serves with; requests are told apart by it. */
    bw_cptr reply;
    /* Twice BW_MAX_CAPS empty slots: for capabilities of requests (bw_service.receive_first), then of answers. */
    bw_cptr slots;
    /* 0: it is never inside a target when bw_membrane_revoke is called. */
    bw_cptr tcb;
    volatile bool calling;
    /* Places whose slots its last answer named; pinned until the next request. */
    struct bw_membrane_place *held[BW_MAX_CAPS + 1];
    uint32_t held_count;
};

struct bw_membrane {
    /* Set by its owner before the first use. */
    /* This program's, without a badge, with all rights; badges from badge_first (from 2^31 on) on are the membrane's. */
    bw_cptr endpoint;
    uint64_t badge_first;
    struct bw_membrane_place *places;
    uint32_t count;
    /* Two empty slots for each place. */
    bw_cptr slots;
    /* Most places of a side: half of them, or one takes from the other. */
    uint32_t each;
    struct bw_membrane_port *ports;
    uint32_t port_count;
    /* A notification without a badge that some thread waits for, and the bits of it (0..63) that are the membrane's; 0 bits: none passes. */
    bw_cptr notification;
    uint32_t bit_first, bits;
    /* Several threads: a notification that nobody else uses, and a copy of it with badge 1. */
    bw_cptr lock_wait, lock_signal;

    /* Its own. */
    uint32_t serials;
    uint32_t bits_used;
    uint32_t locked;
    uint32_t calling;
    /* Read at any time: calls that reached a target; that the membrane refused, or whose answer it did; capabilities that were wrapped, that came home, that were refused; signals passed on. */
    uint64_t passed, refused, wrapped, unwrapped, caps_refused, signals;
};

/* A handler for bw_service.first: BW_NOT_MINE when the badge is none of the membrane's. Any thread, with the port of its reply object. */
uint32_t bw_membrane_handle(struct bw_membrane *membrane, struct bw_request *request);

/* Passes signals on: called with the word of `notification`, by who waits for it (bw_service.notified). */
void bw_membrane_notified(struct bw_membrane *membrane, uint64_t bits);

/* The wrapper that is to be given to the other side, for a copy of the capability in `cap`, which is of this side. 0: neither endpoint nor notification, or no place. */
bw_cptr bw_membrane_wrap(struct bw_membrane *membrane, enum bw_side side, bw_cptr cap);

/* Takes everything back. Not from inside bw_membrane_handle. What is wrapped afterwards is new. */
void bw_membrane_revoke(struct bw_membrane *membrane);

/*
 * The membrane's own threads, where targets may call back through it: they serve on an endpoint of their own, so the program's first thread stays free to revoke and to
 * pass signals on. With n of them n - 1 calls can be inside one another.
 */
#define BW_MEMBRANE_STACK_PAGES 2U
/* Slots of a thread: SchedContext, reply object, for capabilities, the thread. And of what they share: endpoint, lock. */
#define BW_MEMBRANE_THREAD_SLOTS (2U + 2U * BW_MAX_CAPS + BW_THREAD_SLOTS(BW_MEMBRANE_STACK_PAGES))
#define BW_MEMBRANE_SHARED_SLOTS 3U

struct bw_membrane_thread {
    struct bw_thread thread;
    struct bw_service service;
};

struct bw_membrane_room {
    bw_cptr untyped;
    /* SchedControl (`platform.cpu.time`): each thread has `budget` of `period` microseconds of its own, for coming to its first receive and for callers whose time is up. */
    bw_cptr control;
    uint64_t budget, period;
    /* Of the threads; not below that of the thread that revokes. */
    uint32_t priority;
    /* Empty slots: BW_MEMBRANE_SHARED_SLOTS + port_count * BW_MEMBRANE_THREAD_SLOTS. Pages as thread.h says: port_count * BW_THREAD_PAGES(BW_MEMBRANE_STACK_PAGES). */
    bw_cptr slots;
    uint64_t address;
    /* As many as ports. */
    struct bw_membrane_thread *threads;
};

/* Fills in endpoint, lock and ports, and starts the threads. Errors: as bw_thread_make. */
bw_err bw_membrane_start(struct bw_membrane *membrane, const struct bw_membrane_room *room);
