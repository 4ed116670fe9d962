// What this process may do, before and after it has met the appliance's first frame.
#ifndef USER_NET_CONFINE_H
#define USER_NET_CONFINE_H

#include <stdbool.h>

/** Whom sockets may speak to: nobody but who came in by a forward; loopback; anybody. */
enum reach { REACH_NONE, REACH_LOOPBACK, REACH_ANY };

bool parse_reach(const char *word, enum reach *reach);

/** Memory, files, and what it may write to the disk: nothing. */
void limit_resources(unsigned max_files);

/** For good: from here on it opens no file but for reading (none at all unless reach is ANY), starts no program, gains no right, and sockets are
 * those of IPv4 that speak to whom `reach` allows. Ends the process when that cannot be had. */
void confine(enum reach reach);

#endif
