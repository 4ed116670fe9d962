// Random bytes of the machine's entropy device.
import { protocol } from "../../caps/protocol/protocol.ts";

export const Entropy = protocol({
  name: "Entropy",
  methods: {
    read: { label: 1, doc: "`count` (1..256) random bytes, all of them or none; each byte is given to one client, once. Never waits.", words: ["count"], returns: ["count"], bytes: "out" },
  },
  refusals: { badRequest: 1, notReady: 2, noDevice: 3 },
});
