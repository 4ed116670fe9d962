// What the kernel asks of the machine it runs on: memory, engines, interrupt lines, DMA translation, a clock.
// The kernel calls nothing else; whoever implements this decides what is recorded and replayed.

/** Why a thread's engine handed control to the kernel. 0..15 are RISC-V exception causes. */
export const Cause = {
  FetchMisaligned: 0,
  FetchAccess: 1,
  IllegalInstruction: 2,
  Breakpoint: 3,
  LoadAccess: 5,
  StoreAccess: 7,
  Ecall: 8,
  FetchPage: 12,
  LoadPage: 13,
  StorePage: 15,
  Preempted: 64,
  EngineError: 65,
  /** One instruction of a thread that steps was executed; pc is the next. */
  Stepped: 66,
  /** A breakpoint of the thread stands at pc. */
  BreakpointHit: 67,
  /** The instruction at pc accesses memory that is watched for the thread, which tval names (a store-conditional: it was the one before). It is made when the thread goes on. */
  Accessed: 68,
} as const;

/** Why a VCPU's engine handed control to the kernel. */
export const VcpuStop = { MMIO: 1, SBI: 2, WFI: 3, Preempted: 4, Broken: 5, Debug: 6 } as const;

/** A VCPU's exit record as the kernel sees it. Words are pairs of signed 32-bit halves. */
export interface VcpuPort {
  /** Runs until an exit: a VcpuStop. */
  run(vcpu: number): number;
  /** Row of the record of this VCPU in `words`, in 32-bit units. */
  record(vcpu: number): number;
  readonly words: Int32Array;
  readonly floats: Float64Array;
  /** The number of a new one: a free one, or `at`, which is. */
  create(at?: number): number;
  destroy(vcpu: number): void;
  /** The second becomes hart `at` of the first one's guest: native addHart says what that means. */
  addHart(leader: number, vcpu: number, at: number): void;
  /** VcpuState. */
  setState(vcpu: number, state: number): void;
  /** For one that has none: native addMachineMode says what that means. */
  addMachineMode(vcpu: number): void;
  mapRam(vcpu: number, guestPhysical: number, physical: number, bytes: number): void;
  unmapRam(vcpu: number, guestPhysical: number, bytes: number): void;
  mapDevice(vcpu: number, guestPhysical: number, bytes: number): void;
  /** What the record says of the exit before is done now, as the next run would: the registers are after it. A leader's. */
  settle(vcpu: number): void;
  /** For a debugger: a hart has no turns; stops (VcpuStop.Debug) after an instruction; executes the one where it is though a breakpoint is there. */
  hold(vcpu: number, held: boolean, steps: boolean, passes: boolean): void;
  /** The addresses at which a guest's harts stop, and the memory at accesses to which they do (as for setWatchpoints), of its leader; and the end of that, and of what was asked of its harts. */
  watch(vcpu: number, addresses: BigUint64Array, watchpoints: BigUint64Array): void;
  stopWatching(vcpu: number): void;
  /** Copies all registers from the engine to the record, or back. */
  readRegisters(vcpu: number): void;
  writeRegisters(vcpu: number): void;
  /** A new VCPU goes on from its record, which was another's whose registers had been read, also in the middle of an exit. */
  restore(vcpu: number): void;
}

/** Word numbers of the exit record, in 64-bit words. */
export const VcpuRecord = {
  REASON: 0,
  ADDRESS: 1,
  SIZE: 2,
  WRITE: 3,
  DATA: 4,
  COMPLETION: 5,
  LINES: 6,
  TIMECMP: 7,
  TIME_OFFSET: 8,
  /** VcpuState, or WAITING: in a wfi. */
  STATE: 9,
  A0: 10,
  A1: 11,
  REGISTERS: 20,
  /** In a leader's record: the hart of the last exit, by number. */
  HART: 96,
  /** 1: the hart has a machine mode. Its registers from VcpuRegister.mstatus on; the two counters stand there as what they are ahead of the clock, but while they are inhibited. */
  MACHINE: 99,
  MACHINE_REGISTERS: 102,
} as const;

/** What a machine remembers, beside memory, guests and what the kernel told it: plain data. */
export interface MachineState {
  /** The clock, in ticks, and the blocks that were executed. */
  readonly ticks: number;
  readonly blocks: number;
  /** Whether it would have preempted the next thread at once. */
  readonly kick: number;
  /** Interrupt lines, a bit each: high; by edge; latched edges; masked. */
  readonly lines: readonly [level: number, edge: number, latched: number, masked: number];
  /** By device of the IOMMU: accesses that were refused, how many the kernel was told of, and the newest. */
  readonly faults: readonly FaultState[];
}

/** An access of a device that the IOMMU refused. Addresses are any number >= 0. */
export interface DmaRefusal {
  readonly address: number;
  readonly bytes: number;
  readonly direction: "read" | "write";
}
export interface FaultState {
  readonly count: number;
  readonly told: number;
  readonly newest: readonly DmaRefusal[];
}

/** Tables of the kernel's in which a machine may look; their layout: caps/model/slots.ts, records.ts and state.ts. */
export interface SharedTables {
  readonly kind: Uint8Array;
  readonly rights: Uint8Array;
  readonly object: Int32Array;
  readonly badgeLo: Int32Array;
  readonly badgeHi: Int32Array;
  readonly words: Int32Array;
  readonly ready: Int32Array;
}

export interface Machine {
  /** RAM as the kernel sees it. */
  readonly ram: ArrayBuffer;
  readonly ramBase: number;
  /** Trap frames: caps/abi/message.ts, Frame. */
  readonly frames: ArrayBuffer;
  readonly maxThreads: number;
  readonly maxSpaces: number;
  readonly maxVcpus: number;

  /**
   * Runs machine threads, calling `trap(frame, cause)` at each trap for the next frame, until that is -1. `fast`: the machine may carry out calls
   * itself (share), so the frame that traps need not be the one that was answered last.
   */
  run(frame: number, trap: (frame: number, cause: number) => number, fast?: boolean): void;

  /**
   * Shows the machine the kernel's tables, again whenever they are others. A machine that has them may carry out a Call or ReplyRecv between two machine
   * threads without the kernel, if it does exactly what the kernel would do. Who then runs is `current` from there on.
   */
  share?(tables: SharedTables): void;

  bindSpace(space: number, rootPhysical: number): void;
  dropSpace(space: number): void;
  flushSpace(space: number): void;
  /** RAM was written behind the engines' backs, or is about to be executed: drop what they translated of it. */
  invalidate(physical: number, bytes: number): void;

  /** Breakpoint `number` (0..47) of the machine thread in this frame, in force while the frame's debug word says so. */
  setBreakpoint(frame: number, number: number, address: number, on: boolean): void;
  /** The memory that is watched for the machine thread in this frame, in force while the debug word says so: threes of a virtual address, 1..4096 bytes, and WatchKind. */
  setWatchpoints(frame: number, watchpoints: BigUint64Array): void;

  /** Hosted programs; frames are those of machine threads. `load` answers an error text or null. */
  readonly hosted: {
    load(frame: number, text: Uint8Array): string | null;
    step(frame: number): number;
    unload(frame: number): void;
    lastError(frame: number): string;
  };
  readonly vcpu: VcpuPort;

  /** What it remembers now, between two runs; a machine that has not run goes on from it. */
  state(): MachineState;
  restore(state: MachineState): void;

  /** Ticks of 100 ns since power-on. */
  clock(): number;
  /** Asks for a Preempted trap once the clock has reached this. */
  setDeadline(ticks: number): void;

  readonly irq: {
    /** Lines are 1..lines-1. */
    readonly lines: number;
    /** Whether a line that is not masked is pending. */
    readonly pending: boolean;
    /** The lowest such line, masking it until `unmask`; -1 for none. */
    take(): number;
    unmask(line: number): void;
    mask(line: number): void;
    /** How the line interrupts from now on: each time it rises, or as long as it is high. What was latched is forgotten. */
    setEdge(line: number, edge: boolean): void;
  };
  /** For the operator: this thread has stopped with a fault, in words, and has no keeper who could be told. */
  stranded(thread: string, fault: string): void;
  /** DMA translation, by device number. */
  readonly iommu: {
    readonly devices: readonly string[];
    map(device: number, ioAddress: number, physical: number, bytes: number, rights: number): boolean;
    unmap(device: number, ioAddress: number): void;
    clear(device: number): void;
    /** The interrupt line that is high while a device has been refused an access and `takeFaulted` has not named it; nobody's but the kernel's. */
    readonly line: number;
    /** A device that has been refused accesses since it was last named; -1 for none. */
    takeFaulted(): number;
    /** How many accesses a device has been refused, and the newest of them by number: null when it is not kept, or has not been. */
    faultCount(device: number): number;
    fault(device: number, n: number): DmaRefusal | null;
    /** Records kept of a device. */
    readonly faultsKept: number;
  };
}
