// A cable between two network cards of one process, and a socket that a test holds the far end of: what was sent is kept, and what the test likes is sent.
import type { NetBackend } from "../../core/host/backend.ts";

/** Two ends. What goes into one comes out at the other, at once, or at the host's next turn when that is `later`. */
export function cable(later = false): readonly [NetBackend, NetBackend] {
  const ends = [tap(), tap()] as const;
  const cross = (to: Tap) => (frame: Uint8Array): void => (later ? void setImmediate(() => to.deliver(frame)) : to.deliver(frame));
  ends[0].onSent = cross(ends[1]);
  ends[1].onSent = cross(ends[0]);
  return ends;
}

export interface Tap extends NetBackend {
  /** What the card sent, copies. */
  readonly sent: Uint8Array[];
  onSent: (frame: Uint8Array) => void;
  /** A frame comes to the card, whatever it is. */
  deliver(frame: Uint8Array): void;
}

export function tap(): Tap {
  let callback: ((frame: Uint8Array) => void) | undefined;
  const self: Tap = {
    sent: [],
    onSent: (frame) => void self.sent.push(frame),
    send: (frame) => self.onSent(frame.slice()),
    onFrame: (given) => void (callback = given),
    deliver: (frame) => callback?.(frame.slice()),
    close: () => Promise.resolve(),
  };
  return self;
}
