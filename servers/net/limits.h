/* limits.h: how much there is of everything, and how it is shared out. Included by lwIP's own options, so it holds numbers alone. */
#pragma once

/* Clients of the manifest; sockets (listeners and those that are closing among them) and names being looked up, of each. */
#define NET_CLIENTS 8
#define NET_SOCKETS_EACH 16
#define NET_SOCKETS (NET_CLIENTS * NET_SOCKETS_EACH)
#define NET_LOOKUPS_EACH 2
#define NET_LOOKUPS (NET_CLIENTS * NET_LOOKUPS_EACH)
/* Capabilities that a client made narrower, and rules in one. */
#define NET_VIEWS_EACH 8
#define NET_RULES 8
/* Bytes of a socket on their way in; as many on their way out. */
#define NET_BUFFER 16384
/* Bytes of a host's name. */
#define NET_NAME 253
/* Connections of a listener that nobody has accepted. */
#define NET_BACKLOG 8
