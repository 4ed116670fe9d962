/* unistd.h: libsodium includes it and calls nothing of it. */
#pragma once
