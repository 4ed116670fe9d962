// One hosted thread as the engine knows it, and what the engine needs of its machine. Internal to core/machine/hosted*.ts.
import { Frame } from "../../caps/abi/message.ts";

/** Access kinds, numbered as in the VMFault message. */
export const Access = { FETCH: 0, LOAD: 1, STORE: 2 } as const;
export type Access = (typeof Access)[keyof typeof Access];

export interface HostedMachine {
  /** Trap frames: caps/abi/message.ts, Frame. */
  readonly frames: ArrayBuffer;
  readonly ram: ArrayBuffer;
  /** Physical address of RAM's first byte. */
  readonly ramBase: number;
  /** Physical address behind `address` in the thread's address space, -1 if its page tables do not allow this access. */
  translate(frame: number, address: number, access: Access): number;
  /** Changes whenever a mapping of the thread's is taken away or changed. */
  generation(frame: number): number;
  /** RAM in this physical range was written by a hosted program in the step that just ended; whole pages. */
  written(physical: number, bytes: number): void;
  /** Device registers, at physical addresses outside RAM. size 1, 2 or 4; little-endian, unsigned. A read answers -1, a write false, where no device is. */
  deviceRead(physical: number, size: number): number;
  deviceWrite(physical: number, size: number, value: number): boolean;
}

/** Gate of a thread: its program may use `sys` and `mem` only while the engine runs it and no fault is pending. */
export const Gate = { OPEN: 0, OUTSIDE: 1, FAULTED: 2 } as const;
export type Gate = (typeof Gate)[keyof typeof Gate];

export class HostedThread {
  readonly frame: number;
  /** First 32-bit word of its trap frame. */
  readonly base: number;
  gate: Gate = Gate.OUTSIDE;
  /** A system call's registers are set, and it has not been made. */
  calling = false;
  /** When FAULTED: RISC-V cause and address. */
  cause = 0;
  tval = 0;
  /** What the machine threw at an access, to be thrown on to the engine's caller: it is not the program's. */
  hostError: unknown = undefined;
  hostFailed = false;

  constructor(frame: number) {
    this.frame = frame;
    this.base = frame * (Frame.BYTES / 4);
  }

  fault(cause: number, tval: number): void {
    this.gate = Gate.FAULTED;
    this.cause = cause;
    this.tval = tval;
  }
}
