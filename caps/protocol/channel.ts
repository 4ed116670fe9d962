// Channel: how two programs come to share rings. The server brings the memory: it stays when the client ends, so a client can take nothing from it.
// The channel is the client's (its badge); opening it again begins anew. In the shared memory the ring to the server stands first, the one from it
// behind it; the layout of a ring is in caps/abi/ring.ts.
//
// The labels are far up, so that a server can have these requests beside those of a protocol of its own.
import { protocol } from "./protocol.ts";

export const Channel = protocol({
  name: "Channel",
  gives: true,
  methods: {
    open: {
      label: 0x7c01,
      doc: "Open this client's channel, with rings to and from the server (0, 0: none). Brings the client's bell, a notification. The answer brings the server's bell and the first two frames of `pages`.",
      words: ["toCapacity", "toBytes", "fromCapacity", "fromBytes"],
      returns: ["pages"],
      caps: ["notification"],
    },
    memory: {
      label: 0x7c02,
      doc: "The answer brings up to three more frames of this client's channel, from `page` on, and says how many.",
      words: ["page"],
      returns: ["count"],
    },
  },
  refusals: {
    badRequest: 1,
    /** It must be one notification that may be signalled. */
    noCapability: 2,
    /** All channels of the server are in use. */
    full: 3,
    /** The rings do not fit in the memory that the server has for a client. */
    tooLarge: 4,
  },
});
