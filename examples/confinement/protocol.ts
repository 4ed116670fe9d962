// What the prisoner may ask of its warden. The warden is also the keeper of the prisoner's thread: the kernel sends it that thread's faults through the
// same capability, with labels 1 to 6 (caps/abi/numbers.ts, Fault), so the labels here begin above.
import { protocol } from "bailiwick/sdk";

export const Warden = protocol({
  name: "Warden",
  methods: {
    guard: { label: 16, doc: "From now on a fault of this client goes on at `landing`.", words: ["landing"], returns: [] },
    lastFault: { label: 17, doc: "The last fault since this was asked before: its label (0: none), and its words after the pc.", words: [], returns: ["fault", "detail", "access"] },
    inspect: { label: 18, doc: "What reached the warden of this very request.", words: ["word"], returns: ["badge", "length", "caps", "word"] },
  },
  refusals: { badRequest: 1 },
});
