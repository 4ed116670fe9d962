// The network as capabilities: what a capability may do is in the server, as rules; its badge names them. From one that has rules (a view), sockets are made, each
// a capability of its own, and views with narrower rules. Addresses are IPv4 as a number (10.0.2.2 is 0x0a000202), ports 1..65535, times milliseconds (0: the server's own;
// all bits set: not at all).
//
// A rule is a line: `connect HOST:PORTS`, `listen PORTS`, `udp HOST:PORTS` (datagrams to and from there), `udp PORTS` (datagrams at that port of this side), `ping HOST`, `all`.
// HOST is an address, ADDRESS/BITS, *, or (not for udp) a name; PORTS a number, FROM-TO, or *.
import { protocol } from "../../caps/protocol/protocol.ts";

export const Net = protocol({
  name: "Net",
  gives: true,
  quota: { by: ["net"], counts: { bytesPerSecond: "sent and received" } },
  methods: {
    info: { label: 1, doc: "This side: address, mask and gateway, 0 while there is none; flags: 1 there is a cable, 2 there is an address; its Ethernet address.", words: [], returns: ["address", "mask", "gateway", "flags", "mac"] },
    connect: {
      label: 2,
      doc: "The answer brings a connected socket to the host of this address or name, once it is there.",
      words: ["port", "timeout", "count"],
      returns: ["address"],
      bytes: "in",
    },
    listen: { label: 3, doc: "The answer brings a listener at this port. backlog (1..32): connections that wait to be accepted; more are not answered.", words: ["port", "backlog"], returns: [] },
    udp: { label: 4, doc: "The answer brings a datagram socket at this port, 0 for any, and says which.", words: ["port"], returns: ["port"] },
    resolve: { label: 5, doc: "The address of this name; of one that this capability may connect to, or ping.", words: ["timeout", "count"], returns: ["address"], bytes: "in" },
    restrict: { label: 6, doc: "The answer brings a capability with these rules alone, one a line, each within one of this capability's.", words: ["count"], returns: [], bytes: "in" },
    watch: { label: 7, doc: "The notification is signalled whenever a socket of this client may be worth looking at, or there is another address; when it is gone, so is the client, and all it had.", words: [], returns: [], caps: ["notification"] },
    accept: { label: 10, doc: "The answer brings the socket of the oldest connection that waits, and says whose it is.", words: ["timeout"], returns: ["address", "port"] },
    send: { label: 11, doc: "Up to `count` bytes (at most 928), as many as there is room for, at least one: waits for that. Answers how many.", words: ["timeout", "count"], returns: ["count"], bytes: "in" },
    receive: { label: 12, doc: "Up to `count` bytes (at most 928), as soon as there are any; none: the other side will send no more.", words: ["timeout", "count"], returns: ["count"], bytes: "out" },
    shutdown: { label: 13, doc: "Nothing more will be sent; the other side is told once it has all.", words: [], returns: [] },
    close: { label: 14, doc: "This capability and its copies end; what was sent before still goes. Not for a capability of the manifest.", words: [], returns: [] },
    sendTo: {
      label: 15,
      doc: "`count` bytes (at most 928) of a datagram; more 1: the next call has more of it, up to 1472 bytes in all; more 0: it goes.",
      words: ["address", "port", "more", "count"],
      returns: [],
      bytes: "in",
    },
    receiveFrom: { label: 16, doc: "The oldest datagram: up to 912 bytes of it, whose it is, and how many bytes of it are left for the next call.", words: ["timeout"], returns: ["address", "port", "left", "count"], bytes: "out" },
    name: { label: 17, doc: "The two ends of a socket.", words: [], returns: ["address", "port", "ownAddress", "ownPort"] },
    ping: {
      label: 18,
      doc: "An echo request with `size` bytes (at most 1472) to the host of this address or name: who answered, and after how long.",
      words: ["timeout", "size", "count"],
      returns: ["address", "microseconds"],
      bytes: "in",
    },
  },
  refusals: {
    badRequest: 1,
    noCapability: 2,
    /** The client has as many sockets, views, calls or lookups as it may have. */
    full: 3,
    /** No rule of the capability allows it. */
    notAllowed: 4,
    /** The host has nobody at this port. */
    refused: 5,
    /** The other side ended the connection at once. */
    reset: 6,
    /** No answer in time: from the host, the name server, or whoever was waited for. */
    timeout: 7,
    /** There is no way to such an address. */
    unreachable: 8,
    /** There is no such name. */
    noAddress: 9,
    /** The connection, or this side's half of it, has ended. */
    closed: 10,
    /** The port is taken, by this client or another. */
    inUse: 11,
    /** More than a datagram holds. */
    tooLarge: 12,
    /** Another call does the same on this socket. */
    busy: 13,
    /** This side has no address (yet): no cable, or nobody gives one. */
    noNetwork: 14,
    /** A request for another kind of socket, or for none. */
    wrongKind: 15,
  },
});
