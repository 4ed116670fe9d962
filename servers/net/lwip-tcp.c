/* lwip-tcp.c: lwIP's TCP. */
#include "lwip-warnings.h"
#include <core/tcp.c>
#include <core/tcp_in.c>
#include <core/tcp_out.c>
