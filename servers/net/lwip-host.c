/* lwip-host.c: what lwIP names of the program around it, beside random.h. */
#include <bailiwick.h>

#include "clock.h"

_Noreturn void net_assertion(const char *what);
uint32_t sys_now(void);

_Noreturn void net_assertion(const char *what) {
    bw_log(what);
    bw_exit(1);
}

uint32_t sys_now(void) { return (uint32_t)(clock_now() / NS_PER_MS); }
