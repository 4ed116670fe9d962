// What a keyboard and a tablet tell of one moment each: the events that belong together, as the devices pass them on.
import { Axis, Button, EventType, REL_WHEEL, SYN_REPORT, TABLET_MOST, type InputEvent, type InputKind } from "../devices/virtio/input.ts";

export interface Moment {
  readonly device: InputKind;
  readonly events: readonly InputEvent[];
}

/** A tablet's buttons, as people call them. */
export const BUTTONS: Readonly<Record<string, number>> = { left: Button.LEFT, right: Button.RIGHT, middle: Button.MIDDLE };

const SYN: InputEvent = { type: EventType.SYN, code: SYN_REPORT, value: 0 };
const moment = (device: InputKind, ...events: readonly InputEvent[]): Moment => ({ device, events: [...events, SYN] });

export const keyMoment = (code: number, down: boolean): Moment => moment("keyboard", { type: EventType.KEY, code, value: down ? 1 : 0 });
export const buttonMoment = (code: number, down: boolean): Moment => moment("tablet", { type: EventType.KEY, code, value: down ? 1 : 0 });
/** @param x from the left edge, 0, to the right one, 1 @param y from the top, 0, to the bottom, 1 */
export const pointerMoment = (x: number, y: number): Moment =>
  moment("tablet", { type: EventType.ABS, code: Axis.X, value: Math.round(x * TABLET_MOST) }, { type: EventType.ABS, code: Axis.Y, value: Math.round(y * TABLET_MOST) });
/** @param steps up; negative: down */
export const wheelMoment = (steps: number): Moment => moment("tablet", { type: EventType.REL, code: REL_WHEEL, value: steps });
