/* checksum.h: the Internet checksum's sum (RFC 1071) for lwIP, which asks for it by LWIP_CHKSUM. */
#pragma once
#include <stdint.h>

/* The one's complement sum of the 16-bit words in the order of this processor, as they lie; a last odd byte is followed by 0. bytes: 0..65535. */
uint16_t net_sum(const void *data, int bytes);
