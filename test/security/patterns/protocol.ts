// What the programs of test/security/patterns.test.ts say to each other. The labels are apart from those of the kit's servers, so that who tries every capability he has
// finds no other by mistake.
import { protocol } from "bailiwick/sdk";

/** A service with something worth having, and a mind of its own about capabilities. */
export const Party = protocol({
  name: "Party",
  methods: {
    add: { label: 0x401, doc: "w0 + 1, who asks, and the word that only this service says.", words: ["n"], returns: ["n", "badge", "magic"] },
    give: { label: 0x402, doc: "The answer brings a part of this service: a capability of its own making.", words: ["number"], returns: ["badge"] },
    take: { label: 0x403, doc: "Keep these capabilities. How many came, the kind of the first, and its badge if it is one of this service's own (else 0).", words: [], returns: ["count", "kind", "badge"], caps: ["one", "two", "three"] },
    call: { label: 0x404, doc: "Call what was kept first: add. The label (or the kernel's error + 2^20), and its answer.", words: ["n"], returns: ["label", "n", "badge"] },
    back: { label: 0x405, doc: "The answer brings what was kept first.", words: [], returns: [] },
    echo: { label: 0x406, doc: "All the words, each one more.", words: [], returns: [] },
    giveKind: { label: 0x407, doc: "The answer brings a capability of this kind, of this program's own.", words: ["kind"], returns: [] },
    rung: { label: 0x408, doc: "What was signalled to this service since the last time.", words: [], returns: ["bits"] },
    ring: { label: 0x409, doc: "Signal what was kept first.", words: [], returns: ["error"] },
    hang: { label: 0x40a, doc: "Never answers.", words: [], returns: [] },
    chain: { label: 0x40b, doc: "Ask what was kept first to do `call`.", words: ["n"], returns: ["label", "n", "badge"] },
    end: { label: 0x40c, doc: "Answer, and end.", words: [], returns: [] },
  },
  refusals: { badRequest: 1, noCapability: 2 },
});

/** The owner: hands out capabilities to the party it has, each through one of the patterns, and takes them back. */
export const Host = protocol({
  name: "Host",
  methods: {
    get: { label: 0x421, doc: "The answer brings the capability of this kind (see host.c).", words: ["what"], returns: [] },
    revoke: { label: 0x422, doc: "Take it back.", words: ["what"], returns: [] },
    pause: { label: 0x423, doc: "1: close, 0: open the caretaker.", words: ["closed"], returns: [] },
    counts: { label: 0x424, doc: "What passed and what did not.", words: ["what"], returns: ["passed", "refused", "wrapped", "unwrapped"] },
    refused: { label: 0x425, doc: "Capabilities that the membrane refused, and signals that it passed on.", words: [], returns: ["capabilities", "signals"] },
  },
  refusals: { badRequest: 1, noCapability: 2 },
});

export const What = { membrane: 0, facet: 1, caretaker: 2, loan: 3, sealer: 4, unsealer: 5, otherSealer: 6, otherUnsealer: 7, part: 8 } as const;
