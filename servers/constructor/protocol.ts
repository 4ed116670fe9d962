// Constructors: programs that whoever runs them can be sure of, though they do not trust their author, who need not show them. A builder puts a program and the
// capabilities that it will have into a constructor and seals it; whoever has the requestor is told what of that could carry information out, and has the program
// built from memory and time of his own. Source: EROS, "Constructor"; KeyKOS, "Factory".
//
// A capability is the manifest's (makes constructors, verifies), a builder's or a requestor's. A method asked of another is refused with notAllowed.
import { protocol } from "../../caps/protocol/protocol.ts";

export const Constructor = protocol({
  name: "Constructor",
  gives: true,
  passes: true,
  methods: {
    create: {
      label: 1,
      doc: "The answer brings the builder of a new constructor, for an ELF file of so many bytes (at most 512 KiB). A product takes 2^bits bytes (16..24) and has `stack` pages of 4 KiB (1..64). The name, 1..23 bytes '!' to '~', is that of its thread.",
      words: ["bytes", "bits", "stack", "count"],
      returns: [],
      bytes: "in",
    },
    write: { label: 2, doc: "Builder: these bytes of the ELF file, from `offset` on.", words: ["offset", "count"], returns: [], bytes: "in" },
    install: {
      label: 3,
      doc: "Builder: each product has a copy of this capability, under this name (BW_USE). A requestor of this server is a capability like any other. hole 1 if it is one.",
      words: ["count"],
      returns: ["hole"],
      bytes: "in",
      caps: ["capability"],
    },
    seal: { label: 4, doc: "Builder: nothing changes any more. The answer brings the requestor. If the file is no program for it, badImage, and why as a byte string.", words: [], returns: ["holes"] },
    destroy: { label: 5, doc: "Builder: the constructor ends, and with it the text that its products run.", words: [], returns: [] },
    isDiscreet: { label: 6, doc: "Requestor: discreet 1 if nothing that a product has from its builder could carry information out; the number of things that could.", words: [], returns: ["discreet", "holes"] },
    hole: {
      label: 7,
      doc: "Requestor: one of them, from 0: its kind (Kind; 0: a clock, as an instruction), its rights, and its path as a byte string: its name, behind those of the requestors through which it is reached.",
      words: ["place"],
      returns: ["kind", "rights", "count"],
      bytes: "out",
    },
    yield: {
      label: 8,
      doc: "Requestor: builds the program and lets it run. Memory is bought from the bank, which must be official; time is the schedule's, a SchedContext that no thread has; the keeper is an endpoint that is told of faults. strict 1: only if the constructor is discreet and the bank is alone. The answer brings the product's endpoint, and the number by which the bank frees it all.",
      words: ["strict"],
      returns: ["number"],
      caps: ["bank", "schedule", "keeper"],
    },
    verify: {
      label: 9,
      doc: "Any: whether the capability that is sent along is a requestor of this very server (genuine 1): then what it says of itself is true. Then also whether it is discreet, and the number of holes.",
      words: [],
      returns: ["genuine", "discreet", "holes"],
      caps: ["requestor"],
    },
  },
  refusals: { badRequest: 1, noCapability: 2, notAllowed: 3, gone: 4, sealed: 5, full: 6, taken: 7, badImage: 8, badBank: 9, badSchedule: 10, badKeeper: 11, noMemory: 12, holes: 13, shared: 14, notFound: 15 },
});
