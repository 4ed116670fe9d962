// A disk, or a part of one, as a capability: what it names is the badge's affair, so a client cannot ask for more than it was given, only make less of it.
// Requests go through a channel (caps/protocol/channel.ts) as <bailiwick/block.h> says; data lies in window 0, memory of 2 MiB that the server lends.
import { protocol } from "../../caps/protocol/protocol.ts";

export const Block = protocol({
  name: "Block",
  gives: true,
  quota: { by: ["block"], counts: { perSecond: "requests", bytesPerSecond: "read and written" }, clock: "timer" },
  methods: {
    info: { label: 1, doc: "What this capability is of: sectors of 512 bytes from 0 on, the most bytes of a request, and 1 if it cannot be written.", words: [], returns: ["sectors", "mostBytes", "readOnly"] },
    window: { label: 2, doc: "The answer brings window 0 of the client's channel, a frame of 2 MiB. After open.", words: [], returns: [] },
    restrict: {
      label: 3,
      doc: "The answer brings a capability to the `sectors` from `first` on, read-only if `readOnly` is 1 or this one is. It has a channel of its own.",
      words: ["first", "sectors", "readOnly"],
      returns: [],
    },
    open: { label: 0x7c01, doc: "As Channel.open: 32-byte requests to the server, 16-byte answers from it.", words: ["toCapacity", "toBytes", "fromCapacity", "fromBytes"], returns: ["pages"], caps: ["notification"] },
    memory: { label: 0x7c02, doc: "As Channel.memory.", words: ["page"], returns: ["count"] },
  },
  refusals: { badRequest: 1, noCapability: 2, full: 3, tooLarge: 4, noDisk: 5 },
});

/** Messages of the channel, as <bailiwick/block.h> has them: offsets in bytes, little-endian. */
export const BlockRequest = { BYTES: 32, sector: 0, id: 8, operation: 12, bytes: 16, window: 20, offset: 24 } as const;
export const BlockAnswer = { BYTES: 16, id: 0, result: 4 } as const;
export const BlockOperation = { READ: 0, WRITE: 1, FLUSH: 2 } as const;
export const BlockResult = { OK: 0, FAILED: 1, BAD: 2, READ_ONLY: 3, QUOTA: 4 } as const;
export const BLOCK_WINDOW_BYTES = 2 * 1024 * 1024;
