/* arch/cc.h: what lwIP asks of the compiler and of the program around it (../../lwip-host.c). */
#pragma once
#include <stddef.h>
#include <stdint.h>

#define LWIP_NO_INTTYPES_H 1
#define LWIP_NO_LIMITS_H 1
#define LWIP_NO_CTYPE_H 1
#define LWIP_NO_UNISTD_H 1
#define SSIZE_MAX INT64_MAX
#define INT_MAX 0x7fffffff
typedef int64_t ssize_t;
#define X8_F "x"
#define U16_F "u"
#define S16_F "d"
#define X16_F "x"
#define U32_F "u"
#define S32_F "d"
#define X32_F "x"
#define SZT_F "lu"
#define BYTE_ORDER 1234
#define LITTLE_ENDIAN 1234
#define BIG_ENDIAN 4321

uint32_t net_random(void);
#define LWIP_RAND() net_random()

/* lwIP asserts what its own code keeps. A mistake there ends the server, with all its connections, rather than go on in a state that nobody has thought of. */
_Noreturn void net_assertion(const char *what);
#define LWIP_PLATFORM_ASSERT(what) net_assertion(what)
#define LWIP_PLATFORM_DIAG(what) ((void)0)
