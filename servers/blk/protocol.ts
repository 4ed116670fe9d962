// The block driver's protocol: what its one client, usually the block server, asks with messages. Requests go through a channel (caps/protocol/channel.ts):
// messages of 32 bytes to the driver, answers of 16 bytes back, as `Request` and `Answer` say; data lies in windows, frames that the client lends.
import { protocol } from "../../caps/protocol/protocol.ts";

export const BlockDriver = protocol({
  name: "BlockDriver",
  gives: true,
  methods: {
    info: {
      label: 1,
      doc: "The disk: sectors of 512 bytes, the most bytes of a request, and 1 if it cannot be written.",
      words: [],
      returns: ["sectors", "mostBytes", "readOnly"],
    },
    window: {
      label: 2,
      doc: "Lend a frame of 2 MiB, mapped nowhere, as window `number` (0..63): the device reaches it, with the rights that the capability has, until another is lent under that number.",
      words: ["number"],
      returns: [],
      caps: ["frame"],
    },
    open: { label: 0x7c01, doc: "As Channel.open.", words: ["toCapacity", "toBytes", "fromCapacity", "fromBytes"], returns: ["pages"], caps: ["notification"] },
    memory: { label: 0x7c02, doc: "As Channel.memory.", words: ["page"], returns: ["count"] },
  },
  refusals: { badRequest: 1, noCapability: 2, full: 3, tooLarge: 4, noDisk: 5 },
});
