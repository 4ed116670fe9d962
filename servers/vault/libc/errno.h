/* errno.h: libsodium sets it and nobody reads it. */
#pragma once
extern int errno;
#define EINVAL 22
#define ENOMEM 12
#define ENOSYS 38
