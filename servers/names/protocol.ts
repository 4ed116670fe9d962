// A registry: capabilities by name. What a client sees and may add to is its capability's affair: a prefix that is put before every name it says, and whether it
// may publish. A name is 1 to 64 bytes, '!' to '~', with the prefix.
import { protocol } from "../../caps/protocol/protocol.ts";

export const Names = protocol({
  name: "Names",
  gives: true,
  passes: true,
  methods: {
    publish: { label: 1, doc: "Give this capability (an endpoint, notification or frame) under a name that nobody has.", words: ["count"], returns: [], bytes: "in", caps: ["capability"] },
    lookUp: { label: 2, doc: "The answer brings a copy of what was published under this name.", words: ["count"], returns: [], bytes: "in" },
    list: { label: 3, doc: "The name that stands at this place, from 0, among those that this capability reaches.", words: ["place"], returns: ["count"], bytes: "out" },
    withdraw: { label: 4, doc: "Take back a name that this client has published. Who has looked it up keeps the capability.", words: ["count"], returns: [], bytes: "in" },
    restrict: {
      label: 5,
      doc: "The answer brings a capability to the names with this prefix (of `count` bytes, may be 0), which it does without; if `lookUpOnly` is 1, or this one is so, one that does not publish.",
      words: ["lookUpOnly", "count"],
      returns: [],
      bytes: "in",
    },
  },
  refusals: { badRequest: 1, noCapability: 2, full: 3, notFound: 4, taken: 5, notYours: 6 },
});
