// Time: what it is, and being woken. Nanoseconds of the machine's clock, since power-on for `alarm0`, since 1970 for `rtc0`: which, is the device's affair.
import { protocol } from "../../caps/protocol/protocol.ts";

export const Timer = protocol({
  name: "Timer",
  methods: {
    now: { label: 1, doc: "The time, in nanoseconds.", words: [], returns: ["now"] },
    sleepUntil: { label: 2, doc: "Answers when the time is `at`, at once if it is past, with the time then.", words: ["at"], returns: ["now"] },
    alarm: { label: 3, doc: "Signals the notification when the time is `at`. A client has one alarm: this takes the place of the one before.", words: ["at"], returns: [], caps: ["notification"] },
    cancel: { label: 4, doc: "Takes this client's alarm back, if it has not rung. Answers 1 if there was one.", words: [], returns: ["cancelled"] },
  },
  refusals: { badRequest: 1, noCapability: 2, full: 3 },
});
