// A port of the switch as a capability, and the view of who watches it. A port is a NicDriver (servers/nic/protocol.ts), so its client cannot tell it from a card; what it has beside
// that is SwitchPort. Rules are lines, as servers/switch/README.md says.
import { protocol } from "../../caps/protocol/protocol.ts";

export const SwitchPort = protocol({
  name: "SwitchPort",
  gives: true,
  methods: {
    restrict: {
      label: 0x101,
      doc: "The answer brings a capability to the same port under these rules too, one a line, beside those it has. The port's one client may come by any of them; another is refused while it lives.",
      words: ["count"],
      returns: [],
      bytes: "in",
    },
    close: { label: 0x102, doc: "This capability, its copies and those made from it end, and so does a channel opened under one of them. Not for a capability of the manifest.", words: [], returns: [] },
  },
  refusals: {
    badRequest: 1,
    /** The port has as many capabilities as it may have, or this one was made from one that was made from one, and so on. */
    full: 3,
    /** It was closed. */
    closed: 6,
    /** A request for another kind of capability. */
    wrongKind: 7,
  },
});

export const Switch = protocol({
  name: "Switch",
  methods: {
    info: { label: 1, doc: "How many ports there are, and uplinks, which are numbered behind them.", words: [], returns: ["ports", "uplinks"] },
    port: {
      label: 2,
      doc: "A port or an uplink: its address; flags: 1 it has a client (an uplink: its driver is there), 2 it is an uplink, 4 its client may use any address; stations known behind it; its name.",
      words: ["number"],
      returns: ["mac", "flags", "stations", "count"],
      bytes: "out",
    },
    counters: {
      label: 3,
      doc: "Frames and bytes that came from there, frames and bytes that went there, and 64-bit numbers of frames that did not go on, by why: those from there, in the order of `reasons`, then those for there.",
      words: ["number"],
      returns: ["sentFrames", "sentBytes", "receivedFrames", "receivedBytes", "count"],
      bytes: "out",
    },
  },
  refusals: { badRequest: 1, wrongKind: 7 },
});

/** Why a frame did not go on; the order of Switch.counters, and of `enum verdict` in rules.h from 1 on. */
export const REASONS = ["mac", "source", "arp", "peer", "unknown", "fragment", "isolated", "rate", "reserved", "room", "window"] as const;
