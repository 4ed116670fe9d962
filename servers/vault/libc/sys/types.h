/* sys/types.h: libsodium includes it and needs nothing of it. */
#pragma once
