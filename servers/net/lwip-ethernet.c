/* lwip-ethernet.c: lwIP's Ethernet and ARP. */
#include "lwip-warnings.h"
#include <netif/ethernet.c>
#include <core/ipv4/etharp.c>
