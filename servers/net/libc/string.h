/* string.h: the kit's functions on bytes. */
#pragma once
#include <bailiwick/string.h>
