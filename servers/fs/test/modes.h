/* modes.h: what the test program can be asked for; each mode ends with words on its work, or by give_up. */
#pragma once
#include "disk.h"
#include "model.h"

#define SMALL_DISK 4400U
#define HEAP_BYTES STORE_LEAST_HEAP
extern _Alignas(16) uint8_t heap[HEAP_BYTES];

/* models.c */
void run_model(uint64_t seed, uint64_t steps);
/* kills.c: the end at every write, and during recoveries. */
void run_kills(uint64_t seed, uint64_t steps);
/* faults.c: every call of the disk fails, every allocation of SQLite's. */
void run_disk_faults(uint64_t seed, uint64_t steps);
void run_heap_faults(uint64_t seed, uint64_t steps);
/* full.c */
void run_full(uint64_t seed, uint64_t steps);
/* hostile.c */
void run_hostile(uint64_t seed, uint64_t rounds);
/* lending.c: what badges name. */
void run_lending(uint64_t seed, uint64_t steps);
/* numbers.c */
void run_numbers(uint64_t seed, uint64_t rounds);

/* What more than one mode does. */
struct disk *formatted_disk(uint64_t sectors);
void open_store(struct disk *disk);
void expect_sound(const char *when);
/* Draws a step, takes it in both, expects the same answer. */
void take_step(struct model *model);
