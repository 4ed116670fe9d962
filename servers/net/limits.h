/* limits.h: how much there is of everything, and how it is shared out. Included by lwIP's own options, so it holds numbers alone. */
#pragma once

/* Clients of the manifest; sockets (listeners and those that are closing among them) and names being looked up, of each. */
#define LIMIT_CLIENTS 8
#define LIMIT_SOCKETS_EACH 32
#define LIMIT_SOCKETS (LIMIT_CLIENTS * LIMIT_SOCKETS_EACH)
#define LIMIT_LOOKUPS_EACH 2
#define LIMIT_LOOKUPS (LIMIT_CLIENTS * LIMIT_LOOKUPS_EACH)
/* Echo requests that wait for their answer. */
#define LIMIT_PINGS_EACH 4
#define LIMIT_PINGS (LIMIT_CLIENTS * LIMIT_PINGS_EACH)
/* Neighbours that were asked for and have not answered, of each: half of lwIP's table of them. */
#define LIMIT_HOPS_EACH 4
/* Capabilities that a client made narrower, and rules in one. */
#define LIMIT_VIEWS_EACH 8
#define LIMIT_RULES 8
/* Bytes of a socket on their way in; as many on their way out. */
#define LIMIT_BUFFER 16384
/* Bytes of a host's name. */
#define LIMIT_NAME 253
/* Connections of a listener that nobody has accepted. */
#define LIMIT_BACKLOG 32
