// Programs without a root server: makes threads, address spaces and capabilities directly in a kernel's tables, as the
// boot does. For tests and benchmarks of the kernel itself.
import { Reg } from "../../caps/abi/message.ts";
import { ALL_RIGHTS, Kind, MAP_EXECUTE, Right, type Kind as KindT } from "../../caps/abi/numbers.ts";
import { derive, install } from "../../core/kernel/capabilities.ts";
import { placeFrame } from "../../core/kernel/objects/frame.ts";
import { createObject } from "../../core/kernel/objects/table.ts";
import { bookBuffer, resume, setTcbSlot, setVSpace } from "../../core/kernel/objects/tcb.ts";
import { PAGE, Pte, setPte, walk } from "../../core/kernel/objects/vspace.ts";
import type { Machine } from "../../core/kernel/machine.ts";
import { Kernel, TcbSlot, type Tcb, type VSpace } from "../../core/kernel/state.ts";

export const RADIX = 8;
export const TEXT = 0x1_0000;
export const STACK = 0x2_0000;
export const BUFFER = 0x3_0000;

export interface Program {
  readonly tcb: Tcb;
  readonly vspace: VSpace;
  /** Row of slot 0 of its CNode. */
  readonly slots: number;
  /** RAM offset of its IPC buffer. */
  readonly buffer: number;
  /** Rows of the testbed's own capabilities to its objects; sc is 0 for a program without time. */
  readonly rows: { readonly cnode: number; readonly vspace: number; readonly tcb: number; readonly sc: number };
}

export class Testbed {
  readonly k: Kernel;
  /** Who pays for what is made: the row of an Untyped, or 0: it is the boot's. */
  payer = 0;
  /** Rows for capabilities that nobody's CSpace holds, so that objects stay alive as the boot's do. */
  rows: { readonly first: number; readonly count: number; next: number };
  #next: number;

  /**
   * @param rowBits log2 of how many objects it can make
   * @param copy a kernel that was loaded from another testbed's, and that testbed
   */
  constructor(machine: Machine, rowBits = 16, copy?: { readonly kernel: Kernel; readonly of: Testbed }) {
    this.k = copy?.kernel ?? new Kernel(machine);
    this.#next = copy === undefined ? machine.ramBase : copy.of.#next;
    if (copy !== undefined) this.payer = copy.of.payer;
    this.rows = copy !== undefined ? { ...copy.of.rows } : { first: this.k.slots.allocate(rowBits), count: 2 ** rowBits, next: 0 };
  }

  #row(): number {
    const { rows } = this;
    for (let tried = 0; tried < rows.count; tried++) {
      const row = rows.first + (rows.next++ % rows.count);
      if (this.k.slots.isEmpty(row)) return row;
    }
    throw new RangeError("the testbed has too few rows");
  }

  /** Makes an object and a capability to it in a row of the testbed's own; that row. */
  make(kind: KindT, bits: number): number {
    const size = 2 ** bits;
    if (this.payer !== 0) return this.#retype(kind, bits, size);
    const base = Math.ceil(this.#next / size) * size;
    this.#next = base + size;
    if (this.#next > this.k.machine.ramBase + this.k.machine.ram.byteLength) throw new RangeError("the testbed's machine has too little RAM");
    const row = this.#row();
    install(this.k, row, kind, createObject(this.k, kind, base, bits, 0), ALL_RIGHTS, 0);
    return row;
  }

  /** As Retype would. */
  #retype(kind: KindT, bits: number, size: number): number {
    const o = this.k.objects, untyped = this.object(this.payer), row = this.#row();
    const start = Math.ceil((o.children[untyped] === 0 ? 0 : o.watermark[untyped]!) / size) * size, base = o.base[untyped]! + start;
    if (start + size > o.size(untyped)) throw new RangeError("the payer has too little memory");
    if (kind === Kind.Frame || kind === Kind.PageTable || kind === Kind.VSpace) {
      this.k.ram8.fill(0, base - this.k.machine.ramBase, base - this.k.machine.ramBase + size);
      this.k.machine.invalidate(base, size);
    }
    const id = createObject(this.k, kind, base, bits, untyped);
    if (kind === Kind.Untyped) o.clean[id] = size;
    install(this.k, row, kind, id, ALL_RIGHTS, this.payer);
    o.watermark[untyped] = start + size;
    o.clean[untyped] = Math.max(o.clean[untyped]!, start + size);
    return row;
  }

  /** From now on capabilities are kept in a CNode, so that what is made of somebody's Untyped may stand there. */
  keepInCNode(radix: number): void {
    const { first } = this.k.cnodes[this.object(this.make(Kind.CNode, radix + 5))]!;
    this.rows = { first, count: 2 ** radix, next: 0 };
  }

  object(row: number): number {
    return this.k.slots.object[row]!;
  }

  /** Gives a program a capability derived from the one in `row`. */
  give(p: Program, slot: number, row: number, rights: number = ALL_RIGHTS, badge = 0): number {
    derive(this.k, row, p.slots + slot, rights, badge | 0, Math.floor(badge / 2 ** 32));
    return slot;
  }

  /** Maps a new frame; its RAM offset. */
  map(v: VSpace, address: number, rights: number, bits = 12): number {
    return this.k.objects.base[this.object(this.mapFrame(v, address, rights, bits))]! - this.k.machine.ramBase;
  }

  /** Maps a new frame, or the one whose capability is in the row `of`; the row of the capability that holds the mapping. */
  mapFrame(v: VSpace, address: number, rights: number, bits = 12, of = 0): number {
    const row = of === 0 ? this.make(Kind.Frame, bits) : this.#row();
    if (of !== 0) derive(this.k, of, row, ALL_RIGHTS, 0, 0);
    const level = bits === 12 ? 0 : 1;
    for (let found = walk(this.k, v, address / PAGE, level); found < 0; found = walk(this.k, v, address / PAGE, level)) {
      const table = this.make(Kind.PageTable, 12);
      setPte(this.k, walk(this.k, v, address / PAGE, -found), this.k.objects.base[this.object(table)]!, Pte.V);
      this.k.slots.mapSpace[table] = v.serial;
      this.k.slots.mapPage[table] = address / PAGE;
    }
    placeFrame(this.k, row, v, address / PAGE, rights);
    return row;
  }

  /** A thread with a CSpace of 256 slots, text, a page of stack and an IPC buffer; not started. The text is of its own, or in the frame of this row. */
  program(label: string, text: Uint8Array | number, priority: number, time = true): Program {
    const k = this.k;
    const cnode = this.make(Kind.CNode, RADIX + 5);
    k.slots.badgeHi[cnode] = 32 - RADIX;
    const vspaceRow = this.make(Kind.VSpace, 12);
    const vspace = k.vspaces[this.object(vspaceRow)]!;
    const tcbRow = this.make(Kind.TCB, 11);
    const tcb = k.tcbs[this.object(tcbRow)]!;
    tcb.label = label;
    tcb.priority = priority;
    tcb.maxPriority = 255;
    setTcbSlot(k, tcb, TcbSlot.CSpace, cnode);
    setVSpace(k, tcb, vspaceRow);
    if (typeof text === "number") this.mapFrame(vspace, TEXT, Right.Read | MAP_EXECUTE, 12, text);
    else k.ram8.set(text, this.map(vspace, TEXT, Right.Read | MAP_EXECUTE));
    this.map(vspace, STACK - PAGE, Right.Read | Right.Write);
    const bufferRow = this.mapFrame(vspace, BUFFER, Right.Read | Right.Write);
    const buffer = k.objects.base[this.object(bufferRow)]! - k.machine.ramBase;
    setTcbSlot(k, tcb, TcbSlot.Buffer, bufferRow);
    bookBuffer(k, tcb);
    tcb.buffer = buffer;
    tcb.bufferAddress = BUFFER;
    k.frames32[tcb.base] = TEXT;
    k.frames32[tcb.base + 2 * Reg.sp] = STACK;
    const scRow = time ? this.make(Kind.SchedContext, 8) : 0;
    if (time) {
      const sc = k.schedContexts[this.object(scRow)]!;
      Object.assign(sc, { budget: 100_000, period: 100_000, remaining: 100_000, tcb: tcb.id, home: tcb.id });
      tcb.sc = sc.id;
      tcb.homeSc = sc.id;
    }
    return { tcb, vspace, slots: k.cnodes[this.object(cnode)]!.first, buffer, rows: { cnode, vspace: vspaceRow, tcb: tcbRow, sc: scRow } };
  }

  start(p: Program): void {
    resume(this.k, p.tcb);
  }
}
