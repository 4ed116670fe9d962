// The numbers of the ABI, as data: system calls, object types, invocations, errors, faults, rights.
// The C header (`header.ts`) is generated from these tables, so no number is written twice.
// Source: names and meanings follow the seL4 reference manual 13 (MCS) unless a line says otherwise.

/** Number in a7 at `ecall`. Any other number is an UnknownSyscall fault. */
export const Syscall = {
  /** Send, then wait for the reply. On a kernel object: invoke it. The only call that hands over a reply right. */
  Call: 1,
  /** Answer the caller held by the reply object in a6, then Recv on a0, atomically. */
  ReplyRecv: 2,
  /** Send and block until received. On a reply object: reply, which never blocks. */
  Send: 3,
  /** Send if a receiver waits, else drop the message silently. */
  NBSend: 4,
  /** Wait for a message (or the bound notification). a6 = reply object, or 0 for none. */
  Recv: 5,
  /** Recv, or error WouldBlock. */
  NBRecv: 6,
  /** Add the capability's badge to a notification's word. */
  Signal: 7,
  /** Wait until a notification's word is not 0, take it. */
  Wait: 8,
  /** Take the notification's word, or error WouldBlock. */
  Poll: 9,
  /** Let the other threads of this priority run first. The budget stays what it is. */
  Yield: 10,
} as const;
export type Syscall = (typeof Syscall)[keyof typeof Syscall];

/** Capability kinds. `Null` is an empty slot. */
export const Kind = {
  Null: 0,
  Untyped: 1,
  CNode: 2,
  TCB: 3,
  Endpoint: 4,
  Notification: 5,
  Reply: 6,
  SchedContext: 7,
  VSpace: 8,
  PageTable: 9,
  Frame: 10,
  VCPU: 11,
  /** Singletons and platform objects: made by the boot, not by Retype. */
  IRQControl: 12,
  IRQHandler: 13,
  SchedControl: 14,
  HostedControl: 15,
  IOSpace: 16,
  Discrim: 17,
} as const;
export type Kind = (typeof Kind)[keyof typeof Kind];
export type KindName = keyof typeof Kind;

/**
 * What Untyped.Retype makes. `bits` is log2 of the object's size in bytes, taken from the Untyped;
 * `sized` objects add the caller's sizeBits: Untyped 2^sizeBits bytes, CNode 2^sizeBits slots of 32 bytes,
 * Frame 2^sizeBits bytes where sizeBits is 12 or 21.
 */
export const RetypeSize = {
  Untyped: { bits: 0, sized: true, min: 5, max: 38 },
  CNode: { bits: 5, sized: true, min: 1, max: 20 },
  TCB: { bits: 11, sized: false, min: 0, max: 0 },
  Endpoint: { bits: 5, sized: false, min: 0, max: 0 },
  Notification: { bits: 6, sized: false, min: 0, max: 0 },
  Reply: { bits: 5, sized: false, min: 0, max: 0 },
  SchedContext: { bits: 8, sized: false, min: 0, max: 0 },
  VSpace: { bits: 12, sized: false, min: 0, max: 0 },
  PageTable: { bits: 12, sized: false, min: 0, max: 0 },
  Frame: { bits: 0, sized: true, min: 12, max: 21 },
  /** An engine of its own: what it costs the host. So whoever fills the machine's table of VCPUs has paid for all of it. */
  VCPU: { bits: 21, sized: false, min: 0, max: 0 },
} as const;
export type RetypeName = keyof typeof RetypeSize;

/**
 * Invocation labels: the label of a Call on a capability to a kernel object. Capabilities among the arguments are
 * named by CPtr words in the caller's CSpace (not by transfer), so no invocation needs the IPC buffer unless it says so.
 * `.lo` and `.hi` are the halves of a 64-bit word. A *slot word* is lo = index, hi = depth in bits, resolved from the CNode named beside it.
 */
export const Invocation = {
  /** w0 = Kind | sizeBits << 8 | count << 16; w1 = CPtr of the destination CNode; w2 = first slot in it. Makes `count` objects, all or none. */
  UntypedRetype: 0x101,

  /** On the destination CNode. w0 = slot word to; w1.lo = index from, w1.hi = depth from | rights << 8; w2 = CPtr of the source CNode. */
  CNodeCopy: 0x201,
  /** As Copy, and w3 = badge (endpoints, notifications) or guard (CNodes: guard bits in the low 32, guard size in bits in the high). */
  CNodeMint: 0x202,
  /** As Copy without rights: the source slot becomes empty. */
  CNodeMove: 0x203,
  /** As Mint without rights: the source slot becomes empty. */
  CNodeMutate: 0x204,
  /** w0 = slot word. Empties the slot; the last capability to an object destroys it. */
  CNodeDelete: 0x205,
  /** w0 = slot word. Deletes every capability derived from the one in the slot. */
  CNodeRevoke: 0x206,
  /** w0 = slot word to; w1 = slot word pivot; w2 = slot word from; w3.lo, w3.hi = CPtrs of the CNodes of pivot and from. Moves pivot to `to` and from to pivot, at once; `to` may be `from`. */
  CNodeRotate: 0x207,
  /** w0 = slot word of an endpoint capability with a badge; w1 = w2 = 0 (the kernel counts its progress there). Ends every Send and Call that waits on the endpoint with that badge. */
  CNodeCancelBadgedSends: 0x208,

  /** w0 = keeper's endpoint CPtr (0: none); w1 = CSpace root CPtr; w2 = VSpace CPtr. */
  TCBSetSpace: 0x301,
  /** w0 = address (multiple of 1024, inside one mapped page of the frame); w1 = CPtr of the Frame, mapped there or 0 to remove. */
  TCBSetIPCBuffer: 0x302,
  /** w0.lo = priority 0..255, w0.hi = maximum controlled priority; w1 = CPtr of the TCB whose maximum authorises it. */
  TCBSetPriority: 0x303,
  /** w0.lo = first register (0 = pc, n = xn, 32 + n = fn, 64 = fcsr), w0.hi = 1 to resume afterwards; w1.. = values. */
  TCBWriteRegisters: 0x304,
  /** w0.lo = first register, w0.hi = count. Reply: the values. */
  TCBReadRegisters: 0x305,
  /** Lets a stopped thread go on. A system call in which it was stopped answers Cancelled. */
  TCBResume: 0x306,
  /** Stops a thread, whatever it does. */
  TCBSuspend: 0x307,
  /** w0 = CPtr of a notification, 0 to unbind. */
  TCBBindNotification: 0x308,
  /** w0..w3 = up to 32 bytes of ASCII: the name shown in faults and traces. */
  TCBSetLabel: 0x309,
  /** w0 = thread pointer (tp). */
  TCBSetTLS: 0x30a,
  /** w0 = CPtr of the endpoint that is told when the thread's budget is used up, 0 for none: then it waits for more in silence. */
  TCBSetTimeoutKeeper: 0x30b,
  /** As TCBResume, but a system call in which the thread was stopped is made again. */
  TCBRestart: 0x30c,
  /** w0 = 1: the thread takes one instruction and faults (Breakpoint), each time it goes on; 0: no longer. */
  TCBSetSingleStep: 0x30d,
  /** w0 = number 0..15; w1 = address; w2 = 1: the thread faults (Breakpoint) before it executes the instruction there; 0: no longer. */
  TCBSetBreakpoint: 0x30e,

  /** On a reply object that holds a caller. w0 = CPtr of another one that is free: the caller is moved there, to be answered later. */
  ReplySave: 0x601,

  /** w0 = CPtr of a TCB. */
  SchedContextBind: 0x701,
  SchedContextUnbind: 0x702,
  /** Reply: w0 = microseconds of CPU used since the last call. */
  SchedContextConsumed: 0x703,
  /** The thread that runs on it goes to the head of its priority's queue, and before the caller if that priority is the caller's own. Reply: as Consumed. */
  SchedContextYieldTo: 0x704,

  /** w0 = virtual address, a multiple of 2 MiB; w1 = CPtr of the VSpace. */
  PageTableMap: 0x901,
  PageTableUnmap: 0x902,

  /** w0 = virtual address; w1 = CPtr of the VSpace; w2 = rights (Read 2, Write 1) | Execute 32. Remapping at the same address changes the rights. */
  FrameMap: 0xa01,
  FrameUnmap: 0xa02,

  /** w0 = CPtr of the Frame; w1 = guest-physical address. */
  VCPUMapFrame: 0xb01,
  /** w0 = guest-physical address; w1 = bytes (multiples of 4096). Accesses there become MMIO exits. */
  VCPUMapDevice: 0xb02,
  /** w0 = completion (0 none, 1 MMIO read value in w1, 2 SBI result in w1 and w2); w3.lo = interrupt lines (bit 1 SSIP, bit 9 SEIP, bit 11 MEIP), w3.hi = SEIP of further harts (bit n: hart n) and MEIP (bit 8 + n). Reply: an Exit label. */
  VCPURun: 0xb03,
  /** w0.lo = first register, w0.hi = count (register numbers: VcpuRegister). Reply: the values. */
  VCPUReadRegisters: 0xb04,
  /** w0.lo = first register; w1.. = values. */
  VCPUWriteRegisters: 0xb05,
  /** Reply: w0 = guest time in ticks of 100 ns. */
  VCPUGetTime: 0xb06,
  /** w0 = CPtr of a new VCPU: it becomes a further hart of this one's guest. Reply: w0 = its number, from 1. */
  VCPUAddHart: 0xb07,
  /** Reply: w0 = VcpuState. */
  VCPUGetState: 0xb08,
  /** w0 = VcpuState. */
  VCPUSetState: 0xb09,
  /** The hart has a machine mode from now on, and is in it. */
  VCPUAddMachineMode: 0xb0a,
  /** w0 = guest time in ticks of 100 ns, for all harts. */
  VCPUSetTime: 0xb0b,

  /** w0.lo = interrupt number, w0.hi = 0 level, 1 edge triggered; w1 = CPtr of the destination CNode; w2 = slot word. */
  IRQControlGet: 0xc01,

  IRQHandlerAck: 0xd01,
  /** w0 = CPtr of a notification (its badge is what is signalled). */
  IRQHandlerSetNotification: 0xd02,
  IRQHandlerClear: 0xd03,

  /** w0 = CPtr of the SchedContext; w1 = budget in us; w2 = period in us (10 <= budget <= period); w3 = a word that its Timeout faults carry. */
  SchedControlConfigure: 0xe01,

  /** w0 = CPtr of the TCB; w1 = address of the program text in that thread's VSpace; w2 = bytes. The thread becomes a hosted program. */
  HostedControlBind: 0xf01,

  /** w0 = CPtr of the Frame; w1 = I/O address; w2 = rights (Read 2, Write 1: what the device may do). */
  IOSpaceMap: 0x1001,
  /** w0 = CPtr of the Frame mapped there. */
  IOSpaceUnmap: 0x1002,
  /** w0 = CPtr of a notification (its badge is what is signalled when the device is refused an access), 0 for none. */
  IOSpaceSetNotification: 0x1003,
  /** w0 = number of the refused access, from 0. Reply: w0 = how many there were; w1 = I/O address; w2.lo = bytes, w2.hi = 1 for a write. */
  IOSpaceReadFault: 0x1004,

  /** w0 = CPtr of any capability. Reply: w0 = its Kind (Null: an empty slot), w1 = its rights, w2 = of a CNode: log2 of its slots | bits of its guard << 8; 0 else. */
  DiscrimClassify: 0x1101,
  /** w0 = CPtr of any capability. Reply: w0 = 1 if whoever holds it can tell nobody anything by it, else 0. */
  DiscrimIsDiscreet: 0x1102,
  /** w0, w1 = CPtrs of any capabilities. Reply: w0 = 0 different objects, 1 the same object, 3 the same object and badge. */
  DiscrimSame: 0x1103,
} as const;
export type Invocation = (typeof Invocation)[keyof typeof Invocation];

/** Error codes: the label of a message whose info has the error flag. The kernel alone can set that flag. */
export const ErrorCode = {
  /** An argument has a value it may not have. w0 = its number from 0. */
  InvalidArgument: 1,
  /** A CPtr names an empty slot or a capability of the wrong kind. w0 = argument number, 0 for the invoked one itself. */
  InvalidCapability: 2,
  /** The capability does not offer this operation, or not now. */
  IllegalOperation: 3,
  /** A number out of range. w0 = argument number, w1 = least, w2 = greatest. */
  RangeError: 4,
  /** An address or index is not a multiple of what it must be. w0 = argument number. */
  AlignmentError: 5,
  /** The CSpace or VSpace walk ended early. w0 = argument number, w1 = bits left to resolve. */
  FailedLookup: 6,
  /** Fewer words than the operation takes. */
  TruncatedMessage: 7,
  /** The destination is occupied; delete what is there first. */
  DeleteFirst: 8,
  /** The capability has descendants; revoke them first. */
  RevokeFirst: 9,
  /** The Untyped has too little left. w0 = bytes left. */
  NotEnoughMemory: 10,
  /** The server, its endpoint or the reply object was destroyed before it answered. */
  Broken: 11,
  /** A non-blocking call that would have had to wait. */
  WouldBlock: 12,
  /** The capability lacks a right this needs. w0 = the rights needed. */
  MissingRight: 13,
  /** A mapping may not be both writable and executable. */
  WriteXorExecute: 14,
  /** The wait was cancelled: the thread was suspended and resumed. */
  Cancelled: 15,
  /** A Send without reply right to a server that has no time of its own would wedge it. */
  PassiveServer: 16,
  /** A table of the machine is full: address spaces, threads or VCPUs. */
  MachineLimit: 17,
} as const;
export type ErrorCode = (typeof ErrorCode)[keyof typeof ErrorCode];
export type ErrorName = keyof typeof ErrorCode;

/** Fault labels: messages from the kernel to a thread's keeper, sent through the thread's keeper capability with its badge. */
export const Fault = {
  /** A receive on something that is neither endpoint nor notification. w0 = pc, w1 = CPtr. */
  Capability: 1,
  /** w0 = pc after the ecall, w1 = a7, w2 = a0. */
  UnknownSyscall: 2,
  /** Illegal instruction, misaligned access, hosted program's exception. w0 = pc, w1 = RISC-V cause, w2 = tval. */
  UserException: 3,
  /** w0 = pc, w1 = address, w2 = 0 fetch, 1 load, 2 store. Reply (label 0) to retry. */
  VMFault: 4,
  /** w0 = pc, w1 = why: 0 an ebreak instruction, 1 a breakpoint, 2 a single step. */
  Breakpoint: 5,
  /** Budget used up, to the timeout keeper. w0 = pc, w1 = us used since the last look (as SchedContextConsumed), w2 = the SchedContext's word. */
  Timeout: 6,
} as const;
export type Fault = (typeof Fault)[keyof typeof Fault];
export type FaultName = keyof typeof Fault;

/** Exit reasons: the label of the reply to VCPURun is the reason, plus 256 times the number of the hart. */
export const Exit = {
  /** w0 = guest-physical address, w1 = value written, w2.lo = size in bytes, w2.hi = 1 for a write. */
  MMIO: 1,
  /** w0 = extension (a7), w1 = function (a6), w2 = a0, w3 = a1; w4..w7 = a2..a5 in the IPC buffer when there is one. */
  SBI: 2,
  /** The VMM's bound notification was signalled. w0 = its word. */
  Notified: 3,
  /** The guest waits for an interrupt that nothing can raise: no timer armed, no notification bound. */
  Stuck: 4,
  /** The guest broke its machine. w0 = address, w1 = engine error, w2 = pc. */
  Broken: 5,
} as const;
export type Exit = (typeof Exit)[keyof typeof Exit];

/** Rights bits of a capability. */
export const Right = {
  /** Send, signal, write. */
  Write: 1,
  /** Receive, wait, read. */
  Read: 2,
  /** Send capabilities along. */
  Grant: 4,
  /** Hand over a reply right (Call) without Grant. */
  GrantReply: 8,
  /** CNodes and Frames: not a right but the lack of one. Never writes, and what is fetched through it is weak too. Source: EROS, "weak" and "sense" keys. */
  Weak: 16,
} as const;
export const ALL_RIGHTS = 15;
/** Attribute bit of FrameMap beside Read and Write. */
export const MAP_EXECUTE = 32;

/** Register numbers of VCPURead/WriteRegisters. 1..31 are x1..x31. */
export const VcpuRegister = {
  pc: 0,
  sstatus: 32,
  sie: 33,
  stvec: 34,
  sscratch: 35,
  sepc: 36,
  scause: 37,
  stval: 38,
  sip: 39,
  satp: 40,
  priv: 41,
  scounteren: 42,
  fcsr: 43,
  /** f1 to f31 follow. */
  f0: 44,
  /** Guest time at which the timer interrupts; 2^53 and above: never. With a machine mode it follows from mtimecmp. */
  timecmp: 76,
  /** From here on: of a hart with a machine mode alone, in the order of the machine's record. Of mstatus what sstatus has not: MIE, MPIE, MPP, MPRV, TVM, TW, TSR. */
  mstatus: 77,
  medeleg: 78,
  mideleg: 79,
  /** The bits of sie follow that. */
  mie: 80,
  /** STIP and SEIP as software has set them; SSIP follows sip, and all others the lines and the CLINT. */
  mip: 81,
  mtvec: 82,
  mscratch: 83,
  mepc: 84,
  mcause: 85,
  mtval: 86,
  mcounteren: 87,
  mcountinhibit: 88,
  /** Of the CLINT, this hart's: as mtimecmp there, all 64 bits, and bit 0. */
  mtimecmp: 89,
  msip: 90,
  mcycle: 91,
  minstret: 92,
  pmpcfg0: 93,
  pmpcfg2: 94,
  /** pmpaddr1 to pmpaddr15 follow. */
  pmpaddr0: 95,
} as const;
/** How many registers a hart has, with a machine mode and without. */
export const VCPU_REGISTERS = VcpuRegister.timecmp + 1, VCPU_MACHINE_REGISTERS = VcpuRegister.pmpaddr0 + 16;

/** What a hart does, by the numbers of the SBI's hart states. One that is suspended starts again by an interrupt. */
export const VcpuState = { started: 0, stopped: 1, suspended: 4 } as const;

/** Slots every program finds in its CSpace, and the first one the manifest's `use` entries take. */
export const InitSlot = {
  CNode: 1,
  TCB: 2,
  VSpace: 3,
  /** A reply object for the program's receive loop. */
  Reply: 4,
  /**
   * The endpoint on which all that the program offers arrives. A client of the manifest's has the badge offer index << 16 | client; the program may
   * mint more, with badges from 2^31 on.
   */
  Service: 5,
  /** A notification bound to the program's thread. */
  Notification: 6,
  /** What is left of the program's memory, as Untyped. */
  Untyped: 7,
  SchedContext: 8,
  /** The frame of the IPC buffer. */
  IPCBuffer: 9,
  /** Root server only: singletons. */
  IRQControl: 10,
  SchedControl: 11,
  HostedControl: 12,
  BootInfo: 13,
  /** Says what a capability is. Harmless, so every program has it. */
  Discrim: 14,
  /** The root server's endpoint, badged with the program's number: exit, log, guest state (`servers/root/protocol.ts`). */
  Parent: 15,
  /** First slot of the manifest's `use` entries (programs) or of the boot's lists (root server). */
  First: 16,
} as const;
