/* lwip-core.c: lwIP's memory, buffers, interfaces and timers. */
#include "lwip-warnings.h"
#include <core/def.c>
#include <core/inet_chksum.c>
#include <core/init.c>
#include <core/ip.c>
#include <core/mem.c>
#include <core/memp.c>
#include <core/netif.c>
#include <core/pbuf.c>
#include <core/timeouts.c>
