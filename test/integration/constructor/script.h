/*
 * script.h: the lines that a test's client carries out, one after the other: each is said, and then what came of it. What a client has goes by letters: constructors A..Z,
 * products, banks and schedules a..z.
 */
#pragma once
#include <bailiwick.h>

enum { SLOT_KEEPER = 130, SLOT_FAKE = 131, SLOT_THREADS = 140, SLOT_PLAIN = 180, SLOT_BUILDERS = 220, SLOT_REQUESTORS = 260, SLOT_PRODUCTS = 300, SLOT_BANKS = 340, SLOT_SCHEDULES = 380 };

/* The words of a line: words[0] is the verb. */
extern char *words[12];
extern uint32_t word_count;
static inline bool is(const char *a, const char *b) { return strcmp(a, b) == 0; }
/* Word i; "" when there is none. */
static inline const char *text_of(uint32_t i) { return i < word_count ? words[i] : ""; }
/* As a number, with 0x or without; 0 for none. */
uint64_t number_of(const char *text);
/* args.do. */
void run_script(void (*carry_out)(void));

/* things.c */

/* Makes what `cap_of` names; false when that fails. */
bool make_things(void);
/* "table", "frame-ro", "builder:A", "requestor:A", "product:a", "bank:a", "schedule:a", ...; an empty slot for what is not known. */
bw_cptr cap_of(const char *what);
bw_cptr slot_of(bw_cptr first, const char *letter);
/* An empty slot for what the letter names. */
bw_cptr fresh(bw_cptr first, const char *letter);
bool set_time(bw_cptr schedule, uint64_t budget, uint64_t period);
/* A full schedule that no thread has. */
bw_cptr schedule_of(const char *letter);
/* The last fault of a product that this client's keeper was told: 0 none. It is forgotten. */
uint32_t take_fault(void);
/* The bank that the keeper destroys when a product faults; 0: none. */
void guard(bw_cptr bank);
/* How often something asked the endpoint that claims to be a bank and a constructor. */
uint64_t fake_calls(void);
/* Another thread calls it, and may wait as long as it takes; the error when that is over, or UINT32_MAX. */
bool hang_at(bw_cptr cap, uint32_t label);
bw_err hung(void);
