/* bailiwick.h: all that a machine program needs. The parts can be included alone. */
#pragma once
#include <stddef.h>
#include <stdint.h>

#include <bailiwick/abi.h>
#include <bailiwick/channel.h>
#include <bailiwick/objects.h>
#include <bailiwick/print.h>
#include <bailiwick/program.h>
#include <bailiwick/ring.h>
#include <bailiwick/serve.h>
#include <bailiwick/string.h>
#include <bailiwick/syscall.h>
#include <bailiwick/thread.h>
