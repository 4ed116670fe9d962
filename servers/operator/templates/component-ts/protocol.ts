// What a tally understands, declared once: TypeScript takes its types from it, C programs include it as "protocol.h".
import { protocol } from "bailiwick/sdk";

export const Tally = protocol({
  name: "Tally",
  methods: {
    add: { label: 1, doc: "Adds to this client's total, which stays below 2^32.", words: ["amount"], returns: ["total"] },
  },
  refusals: { badRequest: 1, overflow: 2 },
});
