/* clock.h: a server's time, asked of a Timer once in a turn at most, and its one alarm. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include <bailiwick/syscall.h>

struct bw_clock {
    /* A capability of protocol Timer; a notification's, which is signalled. */
    bw_cptr timer, bell;
    uint64_t now, alarm_at;
    bool known;
};

/* What was asked for is too old. */
void bw_clock_is_stale(struct bw_clock *clock);
/* Nanoseconds, as at the first look since then; never less than before. 0: nobody tells. */
uint64_t bw_clock_now(struct bw_clock *clock);
/* The bell is to ring at `at`, or before. */
void bw_clock_wake(struct bw_clock *clock, uint64_t at);
/* It has rung. */
void bw_clock_rang(struct bw_clock *clock);
