/* membrane.h: what the programs of this benchmark say to each other. */
#pragma once
#include <bailiwick.h>

enum {
    /* To the server: its words, the first one greater by one and by the number of capabilities that came. */
    CALL = 1,
    /* To a forwarder: the answer brings what stands before the server, by number. */
    GET = 2,
};
enum { FACET, MEMBRANE };
#define REFUSED 1U
