// The network driver's protocol: what its one client, usually the switch, asks with messages. Frames go through a channel (caps/protocol/channel.ts):
// messages of 32 bytes to the driver, answers of 16 bytes back, as <bailiwick/nic.h> says; the frames lie in windows, memory that the client lends.
import { protocol } from "../../caps/protocol/protocol.ts";

export const NicDriver = protocol({
  name: "NicDriver",
  gives: true,
  quota: { by: ["switch"], counts: { perSecond: "frames sent, and as many received", bytesPerSecond: "sent, and as many received" }, clock: "timer" },
  methods: {
    info: {
      label: 1,
      doc: "The card: its address (48 bits, the first byte lowest), the most bytes of an IP packet, and 1 if its link is up.",
      words: [],
      returns: ["mac", "mtu", "link"],
    },
    window: {
      label: 2,
      doc: "Lend a frame of 2 MiB as window `number` (0..15): the device reaches it, with the rights that the capability has, until another is lent under that number or somebody else opens the channel.",
      words: ["number"],
      returns: [],
      caps: ["frame"],
    },
    open: { label: 0x7c01, doc: "As Channel.open, with messages of 32 bytes and answers of 16. What an earlier channel asked for ends, unanswered.", words: ["toCapacity", "toBytes", "fromCapacity", "fromBytes"], returns: ["pages"], caps: ["notification"] },
    memory: { label: 0x7c02, doc: "As Channel.memory.", words: ["page"], returns: ["count"] },
  },
  refusals: { badRequest: 1, noCapability: 2, full: 3, tooLarge: 4, noNetwork: 5 },
});

/** Messages of the channel, as <bailiwick/nic.h> has them: offsets in bytes, little-endian. */
export const NicRequest = { BYTES: 32, id: 0, operation: 4, window: 8, offset: 12, bytes: 16 } as const;
export const NicAnswer = { BYTES: 16, id: 0, result: 4, bytes: 8 } as const;
export const NicOperation = { SEND: 0, TAKE: 1 } as const;
export const NicResult = { DONE: 0, FAILED: 1, BAD: 2 } as const;
export const NIC_WINDOW_BYTES = 2 * 1024 * 1024;
/** Bytes of a frame, without its checksum; rooms that may be with the driver at once. */
export const NIC_LEAST_FRAME = 14;
export const NIC_MOST_FRAME = 1514;
export const NIC_ROOMS = 64;
