// A log that is only added to. Who wrote a line is its badge, which the kernel vouches for. A capability of an ordinary offer appends, one of the offer that
// the manifest names as `reader` reads: neither does the other.
import { protocol } from "../../caps/protocol/protocol.ts";

export const Log = protocol({
  name: "Log",
  quota: { by: ["log"], counts: { perSecond: "lines" } },
  methods: {
    append: { label: 1, doc: "Add a line of up to 200 bytes. Answers its number, from 0.", words: ["count"], returns: ["number"], bytes: "in" },
    read: {
      label: 2,
      doc: "The oldest line that is kept with this number or a higher one: its number, its writer's badge, how many lines of that writer's were refused before it, its bytes.",
      words: ["from"],
      returns: ["number", "writer", "refused", "count"],
      bytes: "out",
    },
    attach: { label: 3, doc: "For the reader: signal this notification whenever a line is added.", words: [], returns: [], caps: ["notification"] },
  },
  refusals: { badRequest: 1, noCapability: 2, tooFast: 3, none: 4, notYours: 5 },
});
