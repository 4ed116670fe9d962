// What a counter understands. One declaration: TypeScript takes its types from it, the C programs include it as "protocol.h".
import { protocol } from "bailiwick/sdk";

export const Counter = protocol({
  name: "Counter",
  methods: {
    add: { label: 1, doc: "Adds to this client's total, which stays below 2^32.", words: ["amount"], returns: ["total"] },
    total: { label: 2, doc: "This client's total and how many requests it made, this one included.", words: [], returns: ["total", "requests"] },
    describe: { label: 3, doc: "What the server is written in, and how it knows this client.", words: [], returns: ["client", "count"], bytes: "out" },
  },
  refusals: { badRequest: 1, overflow: 2 },
});

export const Turn = protocol({
  name: "Turn",
  methods: {
    take: { label: 1, doc: "Your turn to speak. Answered at once.", words: [], returns: [] },
  },
  refusals: { badRequest: 1 },
});
