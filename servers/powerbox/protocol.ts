// The powerbox: a program that has no file asks for one, and the operator chooses it in a dialog that the program has no part in. The choice is the grant: the
// answer brings a capability to that file (protocol File), with the rights that the operator was shown. What the program says is shown and does nothing.
import { protocol } from "../../caps/protocol/protocol.ts";

export const Powerbox = protocol({
  name: "Powerbox",
  gives: true,
  passes: true,
  methods: {
    ask: {
      label: 1,
      doc: "For a file (`what` 1) or a directory (2), 4 more: a new one may be made; with some of these File rights: 1 read, 2 write, 4 append. The bytes are a suggested name (of `suggested` bytes, up to 64) and the purpose (up to 400). Answers when the operator has: the rights, `made` 1 if it is new, and its capability.",
      words: ["rights", "what", "suggested", "count"],
      returns: ["rights", "made"],
      bytes: "in",
    },
  },
  refusals: { badRequest: 1, denied: 2, busy: 3, full: 4, gone: 5 },
});
