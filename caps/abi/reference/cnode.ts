// CNode: a table of capabilities, and moving them about. Kernel: core/kernel/objects/cnode.ts, capabilities.ts; caps/model.
import { Limit } from "./limits.ts";
import { cptr, refusal, slotWord, truncated, word, type ObjectPage, type Refusal, type TestId } from "./page.ts";

const TO = word("w0", "to", "slot word: lo = index, hi = depth in bits 1..32, from the invoked CNode");
const from = (more: string) => [
  word("w1.lo", "from", "index of the source"), word("w1.hi", "depth", `bits 0-7: depth of the source, 1..32${more}`),
  word("w2", "source", "CPtr of the CNode from which the source is resolved"),
];
const RIGHTS = "; bits 8-12: rights to keep, and Weak (EROS) to add";
const BADGE = word("w3", "badge", "endpoints and notifications: badge of 64 bits; CNodes: guard bits in the low half, guard size in bits in the high half");
const CONSTANT = "Constant, but for the walks: each at most 32 CNodes deep.";

/** What Copy, Mint, Move and Mutate refuse alike; what is left out is in their own tests. */
function sources(words: number, needed: string, tests: { readonly [K in "truncated" | "slot" | "lookup" | "occupied" | "empty" | "root" | "rootLookup" | "from" | "fromLookup"]: TestId }): Refusal[] {
  return [
    truncated(words, tests.truncated),
    ...slotWord(0, [tests.slot], [tests.lookup]),
    refusal("MissingRight", null, "the CNode of the destination slot lacks Write", "CNODE-RIGHTS-001"),
    refusal("DeleteFirst", null, "the destination is occupied", tests.occupied),
    ...cptr(2, "a CNode", [tests.root], [tests.rootLookup]),
    ...slotWord(1, [tests.from], [tests.fromLookup]),
    refusal("MissingRight", null, `the CNode of the source slot lacks ${needed}`, "ARG-CNODE-007"),
    refusal("InvalidCapability", 1, "the source slot is empty", tests.empty),
  ];
}

export const CNODE: ObjectPage<"CNode"> = {
  is: `A table of 2^n slots, each empty or holding a capability. CNodes in CNodes make a CSpace; a CPtr of 32 bits is resolved through it like an address through page tables:
each CNode capability may have a guard, bits that must stand before the bits that choose the slot. A slot word (index, depth) names a slot from a CNode that is named beside it.`,
  source: "seL4 manual, \"Capability Spaces\" (there CPtrs have 64 bits and CNodes ask for no rights); EROS, \"weak\" and \"sense\" keys",
  rights: {
    Read: "Copy and Mint from its slots, or CancelBadgedSends",
    Write: "Put capabilities into its slots, Delete, Revoke, Retype and receive into them; with Read: Move, Mutate, Rotate",
    Weak: "Nothing can be put in. Copy fetches Frames and CNodes weak, Discrims as they are, and nothing else. A walk does not go on through a weak CNode, and it can be no thread's CSpace",
  },
  capabilities: "A guard is given with Mint or Mutate, as often as one likes; a copy keeps it.",
  end: `Its slots are emptied, and what that brings down is taken apart too. That goes in pieces of ${Limit.PIECE} steps, on the account of the thread that deleted the capability: its Delete or
Revoke repeats itself until all is done. When that thread is stopped, the kernel's loop goes on with it. The memory is free when the last slot is empty.`,
  endTests: ["CNODE-DELETE-002", "CNODE-DELETE-003", "PIECE-DELETE-001", "PIECE-DELETE-003", "PIECE-DELETE-004"],
  otherLabels: ["CNODE-DELETE-004"],
  operations: {
    CNodeCopy: {
      does: "Puts a capability to the same object into an empty slot: with the source's badge or guard, mapped nowhere, with those of its rights that are asked for.",
      words: [TO, ...from(RIGHTS)],
      rights: "Write on the CNode of the destination slot, Read on that of the source",
      answer: [],
      tests: ["CNODE-COPY-001", "CNODE-COPY-002", "CNODE-COPY-010", "CNODE-RIGHTS-003", "CNODE-RIGHTS-004", "WEAK-001", "WEAK-002"],
      refusals: [
        ...sources(3, "Read", {
          truncated: "CNODE-COPY-007", slot: "CNODE-COPY-006", lookup: "CNODE-COPY-006", occupied: "CNODE-COPY-003", empty: "CNODE-COPY-004", root: "CNODE-COPY-005",
          rootLookup: "CNODE-COPY-005", from: "CNODE-COPY-006", fromLookup: "ARG-CNODE-001",
        }),
        refusal("InvalidCapability", 1, "the source's CNode is weak, and the capability is neither Frame, CNode nor Discrim", "WEAK-003", "ARG-CNODE-009"),
        refusal("InvalidArgument", 1, "Weak is asked for, and the capability is neither Frame nor CNode", "ARG-CNODE-008"),
        refusal("RevokeFirst", null, "an Untyped that something was made from, or that has a copy", "CNODE-COPY-009", "ARG-CNODE-005"),
        refusal("IllegalOperation", null, "a Reply, an IRQControl or a PageTable: each is in one place only", "CNODE-COPY-008", "IRQ-CONTROL-002"),
      ],
      bound: CONSTANT,
      source: "seL4 manual, seL4_CNode_Copy; rights of CNodes and Weak are ours and EROS's",
    },
    CNodeMint: {
      does: "As Copy, and gives a badge or a guard. A badge is given once: an unbadged capability gets it, and copies of the result are its descendants.",
      words: [TO, ...from(RIGHTS), BADGE],
      rights: "as CNodeCopy",
      answer: [],
      tests: ["CNODE-MINT-001", "CNODE-MINT-005", "CSPACE-WALK-001", "WEAK-009"],
      refusals: [
        ...sources(4, "Read", {
          truncated: "CNODE-MINT-004", slot: "ARG-CNODE-004", lookup: "ARG-CNODE-004", occupied: "ARG-CNODE-003", empty: "ARG-CNODE-003", root: "ARG-CNODE-002",
          rootLookup: "ARG-CNODE-002", from: "ARG-CNODE-001", fromLookup: "ARG-CNODE-001",
        }),
        refusal("InvalidCapability", 1, "the source's CNode is weak, and the capability is neither Frame, CNode nor Discrim", "ARG-CNODE-009"),
        refusal("InvalidArgument", 1, "Weak is asked for, and the capability is neither Frame nor CNode", "ARG-CNODE-008"),
        refusal("IllegalOperation", null, "it has a badge already; it is neither endpoint, notification nor CNode; the guard does not fit beside the CNode's own bits or has bits beyond its size",
          "CNODE-MINT-002", "CNODE-MINT-003", "CNODE-MINT-005"),
      ],
      bound: CONSTANT,
      source: "seL4 manual, seL4_CNode_Mint",
    },
    CNodeMove: {
      does: "Moves a capability, its mapping and its place among its relatives to an empty slot. Whatever may not be copied can be moved.",
      words: [TO, ...from("")],
      rights: "Write on the CNode of the destination slot, Read and Write on that of the source",
      answer: [],
      tests: ["CNODE-MOVE-001", "CNODE-MOVE-002", "CNODE-MOVE-003"],
      refusals: sources(3, "Read or Write", {
        truncated: "CNODE-MOVE-003", slot: "ARG-CNODE-004", lookup: "ARG-CNODE-004", occupied: "CNODE-MOVE-003", empty: "CNODE-MOVE-003", root: "ARG-CNODE-002",
        rootLookup: "ARG-CNODE-002", from: "ARG-CNODE-001", fromLookup: "ARG-CNODE-001",
      }),
      bound: CONSTANT,
      source: "seL4 manual, seL4_CNode_Move",
    },
    CNodeMutate: {
      does: "As Move, and gives a badge or a guard.",
      words: [TO, ...from(""), BADGE],
      rights: "as CNodeMove",
      answer: [],
      tests: ["CNODE-MUTATE-001", "CNODE-MUTATE-004"],
      refusals: [
        ...sources(4, "Read or Write", {
          truncated: "CNODE-MUTATE-003", slot: "ARG-CNODE-004", lookup: "ARG-CNODE-004", occupied: "ARG-CNODE-003", empty: "ARG-CNODE-003", root: "ARG-CNODE-002",
          rootLookup: "ARG-CNODE-002", from: "ARG-CNODE-001", fromLookup: "ARG-CNODE-001",
        }),
        refusal("IllegalOperation", null, "as CNodeMint", "CNODE-MUTATE-003"),
        refusal("RevokeFirst", null, "something descends from it: a new badge would change from whom", "CNODE-MUTATE-002"),
      ],
      bound: CONSTANT,
      source: "seL4 manual, seL4_CNode_Mutate",
    },
    CNodeDelete: {
      does: "Empties a slot, and what the capability did there ends: a mapping is taken out. The last capability to an object destroys it. An empty slot is done already.",
      words: [word("w0", "slot", "slot word, from the invoked CNode")],
      rights: "Write on the CNode of the slot",
      answer: [],
      tests: ["CNODE-DELETE-001", "CNODE-DELETE-002", "CNODE-DELETE-003", "CNODE-DELETE-005", "PIECE-DELETE-001", "PIECE-DELETE-002", "PIECE-DELETE-003"],
      refusals: [
        truncated(1, "CNODE-DELETE-004"),
        ...slotWord(0, ["ARG-CNODE-004"], ["ARG-CNODE-004"]),
        refusal("MissingRight", null, "the CNode of the slot lacks Write", "CNODE-RIGHTS-001"),
      ],
      bound: `Grows with what the deletion brings down: slots of a CNode, threads that wait on an endpoint or notification. At most ${Limit.PIECE} steps in one entry into the kernel (a TCB is
8, a VCPU all ${Limit.PIECE}: its engine is closed); it repeats itself. The slot is empty after the first.`,
      source: "seL4 manual, seL4_CNode_Delete",
    },
    CNodeRevoke: {
      does: "Deletes every capability that descends from the one in the slot, not that one itself. An empty slot has nothing to revoke.",
      words: [word("w0", "slot", "slot word, from the invoked CNode")],
      rights: "Write on the CNode of the slot",
      answer: [],
      tests: ["CNODE-REVOKE-001", "CNODE-REVOKE-002", "CNODE-REVOKE-003", "CNODE-REVOKE-004", "CNODE-REVOKE-005", "CNODE-REVOKE-006", "PIECE-REVOKE-001", "PIECE-REVOKE-002"],
      refusals: [
        truncated(1, "CNODE-DELETE-004"),
        ...slotWord(0, ["ARG-CNODE-004"], ["ARG-CNODE-004"]),
        refusal("MissingRight", null, "the CNode of the slot lacks Write", "CNODE-RIGHTS-001"),
      ],
      bound: `Grows with the descendants and with what their deletion brings down: at most ${Limit.PIECE} steps in one entry into the kernel; it repeats itself. When it has answered for an Untyped, all of
the Untyped's memory is free, also what others had deleted and not yet taken apart.`,
      source: "seL4 manual, seL4_CNode_Revoke",
    },
    CNodeRotate: {
      does: "Moves the pivot's capability to `to` and the source's to the pivot, at once. `to` must be empty, or be the source itself: then the two change places.",
      words: [
        word("w0", "to", "slot word, from the invoked CNode"), word("w1", "pivot", "slot word, from the CNode in w3.lo"), word("w2", "from", "slot word, from the CNode in w3.hi"),
        word("w3.lo", "pivot's CNode", "CPtr"), word("w3.hi", "source's CNode", "CPtr"),
      ],
      rights: "Write on the CNode of `to`, Read and Write on those of pivot and source",
      answer: [],
      tests: ["CNODE-ROTATE-001", "CNODE-ROTATE-002", "CNODE-ROTATE-003", "CNODE-ROTATE-004"],
      refusals: [
        truncated(4, "CNODE-ROTATE-007"),
        ...slotWord(0, ["ARG-CNODE-006"], ["CNODE-ROTATE-007"]),
        refusal("FailedLookup", 3, "one of the two CPtrs leads to no slot of the caller's CSpace", "CNODE-ROTATE-007"),
        refusal("InvalidCapability", 3, "one of the two is not a CNode", "CNODE-ROTATE-007"),
        ...slotWord(1, ["CNODE-ROTATE-007"], ["ARG-CNODE-006"]),
        ...slotWord(2, ["ARG-CNODE-006"], ["CNODE-ROTATE-007"]),
        refusal("MissingRight", null, "the CNode of `to` lacks Write, or that of pivot or source Read or Write", "CNODE-RIGHTS-001", "CNODE-ROTATE-008"),
        refusal("InvalidArgument", 1, "the pivot is also `to`, or also the source", "CNODE-ROTATE-006"),
        refusal("InvalidCapability", 1, "the pivot is empty", "CNODE-ROTATE-005"),
        refusal("InvalidCapability", 2, "the source is empty", "CNODE-ROTATE-005"),
        refusal("DeleteFirst", null, "`to` is occupied, and is not the source", "CNODE-ROTATE-005"),
      ],
      bound: CONSTANT,
      source: "seL4 manual, seL4_CNode_Rotate (there it also gives badges)",
    },
    CNodeCancelBadgedSends: {
      does: `Ends every Send and Call that waits on the endpoint with the badge of the capability in the slot: each answers Cancelled, and a thread that waited to tell its fault stays stopped. For
a server that gives the badge to somebody else. Whoever comes to wait after the call began is not meant.`,
      words: [
        word("w0", "slot", "slot word of an endpoint capability with a badge, from the invoked CNode"),
        word("w1", "at", "0: the kernel counts its progress here"), word("w2", "limit", "0: and here"),
      ],
      rights: "Read on the CNode of the slot; all rights (Read, Write, Grant, GrantReply) on the endpoint's capability",
      answer: [],
      tests: ["CNODE-CANCEL-001", "CNODE-CANCEL-002", "CNODE-CANCEL-003", "CNODE-CANCEL-004", "CNODE-CANCEL-005"],
      refusals: [
        truncated(3, "CNODE-CANCEL-006"),
        ...slotWord(0, ["ARG-CNODE-006"], ["ARG-CNODE-006"]),
        refusal("MissingRight", null, "the CNode of the slot lacks Read, or the endpoint's capability one of its four rights", "CNODE-RIGHTS-002", "CNODE-CANCEL-006"),
        refusal("InvalidCapability", 0, "the slot holds no endpoint capability", "CNODE-CANCEL-006"),
        refusal("IllegalOperation", null, "the endpoint capability has no badge", "CNODE-CANCEL-006"),
      ],
      bound: `Grows with the threads that wait on the endpoint, whatever their badge: at most ${Limit.PIECE} are looked at in one entry into the kernel; it repeats itself.`,
      source: "seL4 manual, seL4_CNode_CancelBadgedSends",
    },
  },
};
