/* lwip-udp.c: lwIP's UDP, and what is built on it: DHCP and DNS. */
#include "lwip-warnings.h"
#include <core/udp.c>
#include <core/ipv4/dhcp.c>
#include <core/dns.c>
