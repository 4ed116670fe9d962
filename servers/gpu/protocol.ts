// The display driver's protocol. Pixels lie in windows, frames that the one client lends: one behind the other they are the picture, rows from the top
// without gaps, four bytes a pixel: blue, green, red, and one without meaning. What has changed is shown when the client says so.
import { protocol } from "../../caps/protocol/protocol.ts";

export const DisplayDriver = protocol({
  name: "DisplayDriver",
  methods: {
    info: { label: 1, doc: "The display: its size in pixels, and how many windows its picture takes.", words: [], returns: ["width", "height", "windows"] },
    window: {
      label: 2,
      doc: "Lend a frame of 2 MiB that may be read, mapped nowhere by this capability, as window `number`: the device reads it until another is lent under that number.",
      words: ["number"],
      returns: [],
      caps: ["frame"],
    },
    flush: { label: 3, doc: "Show what is now in this rectangle, which is not empty and lies in the picture. Answered when it is shown.", words: ["x", "y", "width", "height"], returns: [] },
  },
  refusals: {
    badRequest: 1,
    /** It must be one frame that may be read. */
    noCapability: 2,
    noDisplay: 3,
    /** Not all windows that the rectangle lies in were lent. */
    noWindow: 4,
    /** The device could not: a window was taken back, or is smaller than 2 MiB. */
    failed: 5,
  },
});
