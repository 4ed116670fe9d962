// The console's protocol. A client holds an endpoint capability with Write and GrantReply; its badge is its identity: it has one view, its own.
import { protocol } from "../../caps/protocol/protocol.ts";

export const Console = protocol({
  name: "Console",
  quota: { by: ["console", "vcon"], counts: { bytesPerSecond: "written" }, clock: "timer" },
  methods: {
    write: { label: 1, doc: "Write up to 944 bytes. Answers when they are in the device or queued, or kept for when this client's view is shown.", words: ["count"], returns: ["accepted"], bytes: "in" },
    read: { label: 2, doc: "Take up to `most` (0..944) bytes of input that wait for this client; never blocks.", words: ["most"], returns: ["count"], bytes: "out" },
    attach: { label: 3, doc: "Signal this notification now, and whenever input begins to wait.", words: [], returns: [], caps: ["notification"] },
  },
  refusals: { badRequest: 1, noCapability: 2, full: 3 },
});
