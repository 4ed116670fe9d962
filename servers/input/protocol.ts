// The input driver's protocol: what a keyboard or a tablet does, to its one client. Events come through a channel (caps/protocol/channel.ts) that has a ring
// from the driver only, of messages of 16 bytes, <bailiwick/input.h>: type, code and value as in Linux, and the event's number.
import { protocol } from "../../caps/protocol/protocol.ts";

export const InputDriver = protocol({
  name: "InputDriver",
  gives: true,
  methods: {
    info: { label: 1, doc: "The device: 1 if it has the keys of a keyboard, 0 if buttons only; and the greatest position on each axis, 0, 0: it has none.", words: [], returns: ["keyboard", "mostX", "mostY"] },
    open: { label: 0x7c01, doc: "As Channel.open.", words: ["toCapacity", "toBytes", "fromCapacity", "fromBytes"], returns: ["pages"], caps: ["notification"] },
    memory: { label: 0x7c02, doc: "As Channel.memory.", words: ["page"], returns: ["count"] },
  },
  refusals: { badRequest: 1, noCapability: 2, full: 3, tooLarge: 4, noDevice: 5 },
});
