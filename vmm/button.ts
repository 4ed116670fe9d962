// The guest's power button: a key that says that it is to shut down. What comes of it is the guest's affair.
//
//   B1  It is pressed and let go at once: a key that hangs would not be pressed again. Who presses it before a driver listens has pressed it when one does; however often, that is once.
// That it waits for a driver is not written down: what was asked of a guest is not asked of those that go on from its snapshot.
import { EventType, KEY_POWER, SYN_REPORT, VirtioInput, type InputEvent } from "../core/devices/virtio/input.ts";

const event = (type: number, code: number, value: number): InputEvent => ({ type, code, value });
const PRESS: readonly InputEvent[] = [event(EventType.KEY, KEY_POWER, 1), event(EventType.SYN, SYN_REPORT, 0), event(EventType.KEY, KEY_POWER, 0), event(EventType.SYN, SYN_REPORT, 0)];

export class PowerButton {
  readonly device: VirtioInput = new VirtioInput("power", () => this.#feed());
  /** It was pressed since this was last made false. */
  stirred = false;
  /** No driver has taken it. */
  #waits = false;

  /** @param seen false: only a guest that sleeps notices */
  press(seen: boolean): void {
    this.stirred = true;
    this.#waits ||= seen;
    this.#feed();
  }

  #feed(): void {
    if (this.#waits) this.#waits = !this.device.receive(PRESS);
  }
}
