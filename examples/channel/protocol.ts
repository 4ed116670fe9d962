// What the two programs agree on beside the channel: how long a message is, the same message sent by Call for comparison, and what was received.
import { protocol } from "bailiwick/sdk";

/** Words of a message: its number, and its number times three. */
export const MESSAGE_WORDS = 2;

export const Sink = protocol({
  name: "Sink",
  methods: {
    put: { label: 1, doc: "One message, by Call.", words: ["number", "triple"], returns: [] },
    report: { label: 2, doc: "What came since this was asked before, by either way, and how often the sink rang.", words: [], returns: ["received", "sum", "wrong", "rung"] },
  },
  refusals: { badRequest: 1 },
});

export const Turn = protocol({
  name: "Turn",
  methods: {
    take: { label: 1, doc: "Your turn to speak. Answered at once.", words: [], returns: [] },
  },
  refusals: { badRequest: 1 },
});
