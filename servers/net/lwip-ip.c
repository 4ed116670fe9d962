/* lwip-ip.c: lwIP's IPv4 and ICMP. */
#include "lwip-warnings.h"
#include <core/ipv4/ip4_addr.c>
#include <core/ipv4/ip4.c>
#include <core/ipv4/icmp.c>
