// Between the firewall and its courier. The courier asks, and the firewall answers: so the firewall waits for nobody who speaks with the network.
import { protocol } from "bailiwick/sdk";

export const Work = protocol({
  name: "Work",
  methods: {
    take: { label: 33, doc: "Answers when there is a page to be fetched: its number, and its host and path, one behind the other.", words: [], returns: ["number", "port", "hostCount", "count"], bytes: "out" },
    piece: { label: 34, doc: "More bytes of that page.", words: ["number", "count"], returns: [], bytes: "in" },
    done: {
      label: 35,
      doc: "That was all. status: HTTP's, 100 to 999; or 0, and why: 1 nobody there, 2 no answer, 3 not HTTP, 4 not allowed.",
      words: ["number", "status", "why"],
      returns: [],
    },
  },
  refusals: { badRequest: 1, stale: 2, tooMuch: 3, replaced: 4 },
});
