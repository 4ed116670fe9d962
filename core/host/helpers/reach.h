// Whom sockets may speak to.
#ifndef REACH_H
#define REACH_H

#include <stdbool.h>

/** Nobody but who came in by a forward; loopback; anybody. */
enum reach { REACH_NONE, REACH_LOOPBACK, REACH_ANY };

bool parse_reach(const char *word, enum reach *reach);
/** From here on. Before, sockets speak to nobody anyhow: they are bound, not connected. */
void limit_reach(enum reach reach);

#endif
