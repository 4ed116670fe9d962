// Display: a window for each client, with a title that only the server draws, under a bar that says who has the keyboard. What the client draws is its surface: the
// window's content. Pixels are four bytes: blue, green, red, and one without meaning. Events come through a channel (caps/protocol/channel.ts) with a ring to the client only,
// of messages of 16 bytes, <bailiwick/input.h>: keys and the focus of the window that has it, the pointer in pixels of the surface. <bailiwick/display.h> does all of it.
import { protocol } from "../../caps/protocol/protocol.ts";

export const Display = protocol({
  name: "Display",
  gives: true,
  methods: {
    surface: {
      label: 1,
      doc: "This client's surface: its size in pixels, and how many frames of 2 MiB hold it, rows from the top without gaps. The answer brings up to three of them, from `frame` on.",
      words: ["frame"],
      returns: ["width", "height", "frames"],
    },
    flush: {
      label: 2,
      doc: "What is now in this rectangle, which is not empty and lies in the surface, is to be seen, where no other window covers it. Answered when it is shown; 1: this window has the focus.",
      words: ["x", "y", "width", "height"],
      returns: ["focused"],
    },
    open: { label: 0x7c01, doc: "As Channel.open.", words: ["toCapacity", "toBytes", "fromCapacity", "fromBytes"], returns: ["pages"], caps: ["notification"] },
    memory: { label: 0x7c02, doc: "As Channel.memory.", words: ["page"], returns: ["count"] },
  },
  refusals: { badRequest: 1, noCapability: 2, full: 3, tooLarge: 4 },
});
