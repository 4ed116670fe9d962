// Space banks: memory that is bought, accounted for and taken back. What a bank sells is Untyped: the buyer makes of it what it likes, and all of that, whoever has
// capabilities to it by then, ends when the block is freed or the bank destroyed. Source: EROS, "Space Bank"; KeyKOS.
//
// Rights of a bank's capability, as bits: BUY 1, MAKE 2 (banks under it), DESTROY 4, LOOK 8 (figures of the banks under it).
import { protocol } from "../../caps/protocol/protocol.ts";

export const Bank = protocol({
  name: "Bank",
  gives: true,
  methods: {
    buy: {
      label: 1,
      doc: "The answer brings a block of 2^bits bytes of Untyped, bits 12..30, and the number by which it is freed. Needs BUY.",
      words: ["bits"],
      returns: ["number"],
    },
    free: { label: 2, doc: "The block with this number, which was bought from this bank: all that was made of it ends, and its memory can be bought again. Needs BUY.", words: ["number"], returns: [] },
    make: {
      label: 3,
      doc: "The answer brings a bank under this one, which may sell `limit` bytes (0: as much as this one may) and for which `reserve` bytes, a power of two or 0, are set aside now; `banks` of those that this one may make are for it to make. The name, up to 23 bytes '!' to '~', is for figures only. Needs MAKE.",
      words: ["limit", "reserve", "banks", "count"],
      returns: ["rights"],
      bytes: "in",
    },
    restrict: { label: 4, doc: "The answer brings a capability to this bank with those of these rights that this one has.", words: ["rights"], returns: ["rights"] },
    destroy: {
      label: 5,
      doc: "Frees all that this bank and those under it have sold, and ends them; a bank that the manifest gave stays, empty. A call does a piece of it: ask again while `left` is 1. From the first one on they do nothing but this. Needs DESTROY.",
      words: [],
      returns: ["left"],
    },
    verify: {
      label: 6,
      doc: "Whether the capability that is sent along is a bank's of this very server, and alive: official 1; then also its rights, and alone 1 if it sells nothing but its reserve, so that nobody can tell how much it has sold but its holders and those of a bank above it with LOOK.",
      words: [],
      returns: ["official", "rights", "alone"],
      caps: ["bank"],
    },
    figures: { label: 7, doc: "Of this bank, in bytes: what it may sell (0: no limit of its own), what is set aside for it, what it and those under it have sold, the most that was. Then its blocks and the banks under it.", words: [], returns: ["limit", "reserve", "used", "peak", "blocks", "banks"] },
    list: {
      label: 8,
      doc: "The figures of one of the banks under this one, by its place (0 is this one), parents first; `depth` counts from this one. Its name is the byte string. Needs LOOK.",
      words: ["place"],
      returns: ["depth", "limit", "reserve", "used", "peak", "blocks", "count"],
      bytes: "out",
    },
  },
  refusals: { badRequest: 1, noCapability: 2, notAllowed: 3, limit: 4, noMemory: 5, full: 6, notFound: 7, gone: 8 },
});
