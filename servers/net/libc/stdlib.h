/* stdlib.h: lwIP includes it; of it, atoi alone is named, and never called. */
#pragma once
#include <stddef.h>
