/*
 * addresses.h: IPv4 addresses and ports in a line of text. Each function reads all of the `count` bytes it is given, or says false; it needs no kernel, so that rules made of these can
 * be tried on the host.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Four numbers with points between, 0..255, without useless zeros: 10.0.2.2 is 0x0a000202. */
bool bw_read_address(const char *text, size_t count, uint32_t *address);
/* ADDRESS, ADDRESS/BITS or *: those that are `address` under `mask`. */
bool bw_read_hosts(const char *text, size_t count, uint32_t *address, uint32_t *mask);
/* A number from 1 to 65535, FROM-TO, or *. */
bool bw_read_ports(const char *text, size_t count, uint16_t *from, uint16_t *to);
/* A decimal number up to `most`, without useless zeros. */
bool bw_read_number(const char *text, size_t count, uint64_t most, uint64_t *number);
