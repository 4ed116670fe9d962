// What the addon and the kernel share, by the places where it is: trap frames, the machine's control words, records of VCPUs (native/machine.h, native/vcpu.h), and the numbers that stand in them.

/** Bytes of a trap frame; the words of {@link FRAME} in it. */
export const FRAME_BYTES = 704;

/** Word (u64) numbers in a trap frame. `x + i` is register x_i for i in 1..31, `f + i` is f_i. */
export const FRAME = {
  pc: 0,
  x: 0,
  f: 32,
  fcsr: 64,
  /** Address space, low 32 bits; written by JavaScript. */
  space: 65,
  cause: 66,
  tval: 67,
  /** DEBUG bits; written by JavaScript, but for `pass`, which the addon clears. */
  debug: 68,
  /** 0 as long as f0..f31 have never been anything but zero; whoever writes into them sets it, as the addon does. */
  floats: 69,
  /** From here on the kernel's own record of the thread; the addon looks at it only for the calls that it carries out itself (native/fastpath.h). */
  kernel: 72,
} as const;

/** Bits of a trap frame's debug word. A thread with one of them, but for `pass`, runs instruction by instruction, some twenty times slower. */
export const DEBUG = {
  /** Stops with CAUSE.stepped after one instruction, or before it with that instruction's own trap. */
  step: 1,
  /** Stops with CAUSE.breakpointHit before an instruction at one of its breakpoints (setBreakpoint). */
  break: 2,
  /** The instruction at pc is executed even if a breakpoint stands there. */
  pass: 4,
  /** Stops with CAUSE.accessed at an access to memory that is watched (setWatchpoints). */
  watch: 8,
} as const;
/** Breakpoints of a thread. */
export const BREAKPOINTS = 48;

/** Causes of a trap: RISC-V's 0..15, and two of the machine's own. */
export const CAUSE = {
  fetchMisaligned: 0,
  fetchAccess: 1,
  illegalInstruction: 2,
  breakpoint: 3,
  loadMisaligned: 4,
  loadAccess: 5,
  storeMisaligned: 6,
  storeAccess: 7,
  call: 8,
  fetchPage: 12,
  loadPage: 13,
  storePage: 15,
  /** The deadline passed or the kick was set; pc is the next instruction. */
  preempted: 64,
  /** The engine gave up; tval is its error number. */
  engine: 65,
  /** One instruction was executed; pc is the next. */
  stepped: 66,
  /** A breakpoint stands at pc. */
  breakpointHit: 67,
  /** The instruction at pc accesses memory that is watched; tval is the first byte of it. When the thread goes on there it makes the access. A store-conditional has been done already: pc is behind it. */
  accessed: 68,
} as const;

/** float64 words of `control`. */
export const CONTROL = { deadline: 0, stoppedAt: 1, blocks: 2, engines: 3, rebinds: 4, traps: 5, fastCalls: 6 } as const;
/** int32 index of the kick in `control`: non-zero stops at the next block boundary as a preemption. Cleared by the addon. */
export const CONTROL_KICK = 64;

/** Physical address of the machine's RAM. */
export const RAM_BASE = 0x8000_0000;

/** Bytes of a VCPU's record. */
export const VCPU_RECORD_BYTES = 1280;

/** Word (u64) numbers in a VCPU's record. `timecmp` and `offset` are float64, in ticks of 100 ns; all others are u64. */
export const VCPU_RECORD = {
  reason: 0,
  /** Guest-physical address of an MMIO access; the pc of a broken guest. */
  address: 1,
  /** 1, 2, 4 or 8; the address is a multiple of it. */
  size: 2,
  isWrite: 3,
  /** The value written; for a read JavaScript puts the value here. Of a broken guest the engine's error, 0 if the guest's own. */
  data: 4,
  /** JavaScript sets 1 when `data` holds the value that was read; a read without it exits again. A write is done once runVcpu is called again. */
  completed: 5,
  /** Bit 9 is the level of SEIP; bit 1 sets SSIP once and is cleared by the addon. Applied on entry. */
  lines: 6,
  /** Guest time at which STIP rises; Infinity is never. */
  timecmp: 7,
  /** Guest time = clock + offset. */
  offset: 8,
  /** Of a hart: 0 started, 1 stopped, 4 suspended, 5 in a wfi: the last two until an interrupt. Set by setVcpuState. */
  state: 9,
  /** `a + i` is a_i of an SBI exit; results go to a0 and a1. */
  a: 10,
  exits: 18,
  sbiCalls: 19,
  /** From here on what readVcpu fills and writeVcpu takes. `x + i` is register x_i for i in 1..31. */
  pc: 20,
  x: 20,
  sstatus: 52,
  sie: 53,
  stvec: 54,
  sscratch: 55,
  sepc: 56,
  scause: 57,
  stval: 58,
  /** Only SSIP is taken by writeVcpu: the other bits follow the lines and the timer. */
  sip: 59,
  satp: 60,
  priv: 61,
  scounteren: 62,
  fcsr: 63,
  f: 64,
  /** Of a leader: the number of the hart whose exit it was; whose turn it is, and at which count of blocks that is over. */
  hart: 96,
  turn: 97,
  turnEnds: 98,
  /** 1 when the hart has a machine mode (addMachineMode). Behind it are that mode's registers, MachineState in native/vcpu.h: those of VcpuRegister (caps/abi/numbers.ts) from `mstatus` on. */
  machine: 99,
  mstatus: 102,
  /** What has happened since the VCPU was made. Exits of a leader, by EXIT: `counts + kind`; ticks inside its guest, float64; how often software, timer and external interrupts of a hart rose. */
  counts: 136,
  inside: 143,
  raised: 144,
} as const;

/** Why runVcpu returned. */
export const EXIT = { mmio: 1, sbi: 2, wfi: 3, preempted: 4, broken: 5, debug: 6 } as const;
