// What every program may ask of the root server, through the capability in InitSlot.Parent.
import { protocol } from "../../caps/protocol/protocol.ts";

export const Parent = protocol({
  name: "Parent",
  methods: {
    exit: { label: 1, doc: "This program is done, with this status (0..255). Never answered.", words: ["status"], returns: [] },
    log: { label: 2, doc: "One line of text for the operator.", words: ["count"], returns: [], bytes: "in" },
    guest: { label: 3, doc: "State of the hosted guest, as a JSON object: state, status, detail.", words: ["count"], returns: [], bytes: "in" },
    component: {
      label: 4,
      doc: "The component at this place, from 0: its state (1 running, 2 exited, 3 faulted), its name of `nameCount` bytes, behind it its program's file. For who has platform.measurements.",
      words: ["index"],
      returns: ["state", "nameCount", "count"],
      bytes: "out",
    },
    order: { label: 5, doc: "The next thing that the operator wants of the hosted guest, as a JSON object: guest, id, do. `notFound` when there is none.", words: [], returns: ["count"], bytes: "out" },
  },
  refusals: { badRequest: 1, notAllowed: 2, notFound: 3 },
});
