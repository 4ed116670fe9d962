// Frames on standard input and output: each after its length in two bytes, the lower first.
#ifndef RECORDS_H
#define RECORDS_H

#include <stddef.h>
#include <stdint.h>

enum { MIN_FRAME = 14, MAX_FRAME = 1514 };

/** Exit statuses. */
enum { OK = 0, UNUSABLE = 1, USAGE = 2, NONSENSE = 3 };

/** Says what is wrong, and ends the process. */
_Noreturn void fail(int status, const char *what, const char *why);
/** What the starter takes apart, or words. */
const char *error_name(int error);

/** Makes standard input one that never waits, and standard output one that does. */
void prepare_records(void);
/** An empty record: all is open. */
void put_ready(void);
/** Waits for room; the reader takes everything, so that is short. What is no frame is lost. Ends the process when nobody reads any more. */
void put_frame(const uint8_t *frame, size_t length);
/** Reads what is there and hands on each whole frame. Ends the process at the end of input, and when what comes is no record. */
void take_frames(void (*take)(const uint8_t *frame, size_t length, void *opaque), void *opaque);

#endif
