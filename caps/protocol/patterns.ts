// Patterns: what the library's forwarders, membranes and sealers (servers/lib/c/include/bailiwick/patterns, servers/lib/ts/patterns) say themselves.
//
// A forwarder carries the labels of another's protocol, so its own refusals are far up, where no protocol of the kit has any: a client can tell whether the
// target refused or whoever stands before it.
import { protocol } from "./protocol.ts";

export const Patterns = protocol({
  name: "Patterns",
  gives: true,
  passes: true,
  methods: {
    seal: { label: 0x7d01, doc: "To a sealer, with any capability. The answer brings a box.", words: [], returns: [], caps: ["capability"] },
    unseal: { label: 0x7d02, doc: "To the unsealer of the same brand, with a box. The answer brings a copy of what is in it.", words: [], returns: [], caps: ["box"] },
    discard: { label: 0x7d03, doc: "To the unsealer of the same brand, with a box: it is empty from now on, and its place free.", words: [], returns: [], caps: ["box"] },
  },
  refusals: {
    badRequest: 0x7d11,
    /** What this capability led to was taken back. */
    revoked: 0x7d12,
    /** Not now: the one who keeps it has closed it for a while. */
    paused: 0x7d13,
    /** A facet without this method. */
    notAllowed: 0x7d14,
    /** A capability that does not go through here, in the request or in the answer. With the answer the request has been carried out. */
    cannotPass: 0x7d15,
    /** No place is left for a capability that came. */
    full: 0x7d16,
    /** The target does not answer: word 0 is the kernel's error. */
    gone: 0x7d17,
    /** All threads but this one are inside calls; to wait might be to wait for oneself. */
    busy: 0x7d18,
    noBox: 0x7d19,
    otherBrand: 0x7d1a,
  },
});
