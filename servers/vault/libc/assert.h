/* assert.h: libsodium asserts what its own code keeps; here that ends the program (../sodium-host.c). */
#pragma once
#include <stdlib.h>
#define assert(condition) ((condition) ? (void)0 : abort())
