/* random.h: numbers that nobody on the wire can guess: SipHash-2-4 (Aumasson and Bernstein, 2012) under a key that is drawn at the start. */
#pragma once
#include <stdint.h>

/* From the entropy device when there is one; else from the clock, which the log is told of. */
void random_begin(uint64_t clock);
uint32_t net_random(void);
/* Of one TCP connection's two ends (RFC 6528). */
uint32_t net_first_sequence(uint32_t own_address, uint16_t own_port, uint32_t address, uint16_t port);
