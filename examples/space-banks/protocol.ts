// The operator's window: prints the figures of all banks when it is asked to, under a heading.
import { protocol } from "bailiwick/sdk";

export const Office = protocol({
  name: "Office",
  methods: { print: { label: 1, doc: "The table, on the console, under this heading of up to 60 bytes.", words: ["count"], returns: [], bytes: "in" } },
  refusals: { badRequest: 1 },
});
