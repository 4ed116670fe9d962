// What every program may ask of the root server, through the capability in InitSlot.Parent.
import { protocol } from "../../caps/protocol/protocol.ts";

export const Parent = protocol({
  name: "Parent",
  methods: {
    exit: { label: 1, doc: "This program is done, with this status (0..255). Never answered.", words: ["status"], returns: [] },
    log: { label: 2, doc: "One line of text for the operator.", words: ["count"], returns: [], bytes: "in" },
    guest: { label: 3, doc: "State of the hosted guest, as a JSON object: state, status, detail.", words: ["count"], returns: [], bytes: "in" },
  },
  refusals: { badRequest: 1 },
});
