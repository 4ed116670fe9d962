// What stops a thread, what lets it go on, and what becomes of its system call: every state, and everything that can happen to it there.
// Kernel: core/kernel/cancel.ts, objects/tcb.ts. The tests, one a cell: test/unit/kernel/thread-states.test.ts.
import type { TestId } from "./page.ts";

/** The kernel's states (core/kernel/state.ts, ThreadState), and two more: a thread that is telling its fault waits like a sender, then like a caller. */
export const THREAD_STATES = {
  Inactive: "stopped: new, or suspended",
  Ready: "runs, or will when it has time and its turn comes",
  BlockedOnSend: "in Send or Call: nobody has received its message yet",
  BlockedOnReceive: "in Recv or ReplyRecv",
  BlockedOnReply: "in Call: received, not answered yet; its time is lent to the server",
  BlockedOnNotification: "in Wait",
  RunningVcpu: "in VCPURun: the guest runs on the thread's time",
  WaitingVcpu: "in VCPURun: the guest waits for an interrupt",
  Faulted: "stopped by a fault that no keeper has or repairs",
  FaultWaiting: "stopped by a fault; its keeper has not received it yet (the kernel's state is BlockedOnSend)",
  FaultReceived: "stopped by a fault; its keeper has received it and not answered yet (the kernel's state is BlockedOnReply)",
} as const;
export type ThreadStateName = keyof typeof THREAD_STATES;

export const THREAD_EVENTS = {
  Suspend: "TCBSuspend",
  Resume: "TCBResume",
  Restart: "TCBRestart",
  Destroyed: "its TCB is destroyed",
  VSpace: "its VSpace is revoked",
  CSpace: "its CSpace is revoked",
  Buffer: "the frame of its IPC buffer is revoked",
  Unbound: "its SchedContext is unbound",
  Endpoint: "its endpoint is destroyed: the one it waits on or was received through, or its keeper's",
  Notification: "its notification is destroyed: the one it waits on, or that is bound to it",
  Reply: "its reply object is destroyed: the one it receives with, or that holds it",
} as const;
export type ThreadEventName = keyof typeof THREAD_EVENTS;

export interface Cell {
  readonly result: string;
  readonly test: TestId;
}
const cell = (number: string, result: string): Cell => ({ result, test: `TCB-STATE-${number}` });

const GONE = "gone";
const STOPPED_ALREADY = "stays stopped";
const NO_CSPACE = "no change; every CPtr that it names from now on is a FailedLookup with 32 bits left";
const NO_BUFFER = "no change; its messages have four words and no capabilities";
const NO_TIME = "no change; it does not run until it has time again";
const UNTOUCHED = "no change";
const CALL_ENDS = "waits on; after a Suspend: Ready, and the call answers Cancelled";
const CALL_AGAIN = "waits on; after a Suspend: Ready, and makes the call again";
const STOPS = "Inactive; it has left what it waits for, its registers are as they were";
const STOPS_FOR_LACK = "Inactive, as by Suspend; Resume and Restart are IllegalOperations until it has a VSpace";
const FAULT_STOPS = "stopped as by a Suspend; Resume and Restart are IllegalOperations until it has a VSpace";
const BROKEN = "Ready; the call answers Broken";

export const THREADS: { readonly [S in ThreadStateName]: { readonly [E in ThreadEventName]: Cell } } = {
  Inactive: {
    Suspend: cell("001", UNTOUCHED),
    Resume: cell("002", "Ready, at its pc; a call in which it was stopped answers Cancelled"),
    Restart: cell("003", "Ready, at its pc; a call in which it was stopped is made again"),
    Destroyed: cell("004", GONE),
    VSpace: cell("005", "no change; Resume and Restart are IllegalOperations until it has a VSpace"),
    CSpace: cell("006", NO_CSPACE),
    Buffer: cell("007", NO_BUFFER),
    Unbound: cell("008", "no change; resumed, it does not run until it has time again"),
    Endpoint: cell("009", "no change; a call in which it was stopped, made again, fails as one on an empty slot"),
    Notification: cell("010", "no change, and none is bound to it"),
    Reply: cell("011", UNTOUCHED),
  },
  Ready: {
    Suspend: cell("012", "Inactive; its registers are as they were. Resumed, it goes on at its pc; its own call to suspend itself has been answered"),
    Resume: cell("013", UNTOUCHED),
    Restart: cell("014", UNTOUCHED),
    Destroyed: cell("015", GONE),
    VSpace: cell("016", STOPS_FOR_LACK),
    CSpace: cell("017", NO_CSPACE),
    Buffer: cell("018", NO_BUFFER),
    Unbound: cell("019", NO_TIME),
    Endpoint: cell("020", UNTOUCHED),
    Notification: cell("021", "no change, and none is bound to it"),
    Reply: cell("022", UNTOUCHED),
  },
  BlockedOnSend: {
    Suspend: cell("023", `${STOPS}: nobody receives the message. Resumed, the call answers Cancelled`),
    Resume: cell("024", CALL_ENDS),
    Restart: cell("025", `${CALL_AGAIN}: the message is sent as registers and buffer are then`),
    Destroyed: cell("026", `${GONE}, and its message with it`),
    VSpace: cell("027", STOPS_FOR_LACK),
    CSpace: cell("028", `${NO_CSPACE}. The message goes through the endpoint all the same, without capabilities`),
    Buffer: cell("029", NO_BUFFER),
    Unbound: cell("030", `${NO_TIME}; a Call then lends none`),
    Endpoint: cell("031", BROKEN),
    Notification: cell("032", "waits on, and none is bound to it"),
    Reply: cell("033", UNTOUCHED),
  },
  BlockedOnReceive: {
    Suspend: cell("034", `${STOPS}: the reply object is free. Resumed, the call answers Cancelled`),
    Resume: cell("035", CALL_ENDS),
    Restart: cell("036", `${CALL_AGAIN}; a ReplyRecv has answered before, and only receives`),
    Destroyed: cell("037", `${GONE}; the reply object is free`),
    VSpace: cell("038", STOPS_FOR_LACK),
    CSpace: cell("039", `${NO_CSPACE}. A message still arrives, without capabilities`),
    Buffer: cell("040", NO_BUFFER),
    Unbound: cell("041", "waits on as a passive server: a Call brings time, a Send is refused with PassiveServer"),
    Endpoint: cell("042", BROKEN),
    Notification: cell("043", "waits on for messages, and none is bound to it"),
    Reply: cell("044", "waits on without one: a Send arrives, a Call gets Broken"),
  },
  BlockedOnReply: {
    Suspend: cell("045", `${STOPS}, and it has its time back: the server's answer reaches nobody. Resumed, the call answers Cancelled`),
    Resume: cell("046", CALL_ENDS),
    Restart: cell("047", `${CALL_AGAIN}: the server gets the message a second time`),
    Destroyed: cell("048", `${GONE}; the server's answer reaches nobody, and the time it was lent is over`),
    VSpace: cell("049", `${STOPS_FOR_LACK}; it has its time back`),
    CSpace: cell("050", `${NO_CSPACE}. The answer still arrives, without capabilities`),
    Buffer: cell("051", NO_BUFFER),
    Unbound: cell("052", "waits on; the server falls back on its own time. Answered, the thread has none"),
    Endpoint: cell("053", "waits on: its call was received"),
    Notification: cell("054", "waits on, and none is bound to it"),
    Reply: cell("055", `${BROKEN}, and it has its time back`),
  },
  BlockedOnNotification: {
    Suspend: cell("056", `${STOPS}: a signal stays in the word. Resumed, the call answers Cancelled`),
    Resume: cell("057", CALL_ENDS),
    Restart: cell("058", `${CALL_AGAIN}: it takes what was signalled meanwhile`),
    Destroyed: cell("059", `${GONE}; a signal stays in the word`),
    VSpace: cell("060", STOPS_FOR_LACK),
    CSpace: cell("061", `${NO_CSPACE}. A signal still wakes it`),
    Buffer: cell("062", UNTOUCHED),
    Unbound: cell("063", NO_TIME),
    Endpoint: cell("064", UNTOUCHED),
    Notification: cell("065", BROKEN),
    Reply: cell("066", UNTOUCHED),
  },
  RunningVcpu: {
    Suspend: cell("067", "Inactive; the guest stays where it is, and another thread may enter it. Resumed, VCPURun answers Cancelled"),
    Resume: cell("068", "runs on; after a Suspend: Ready, and VCPURun answers Cancelled"),
    Restart: cell("069", "runs on; after a Suspend: Ready, and enters the guest again, completing nothing twice"),
    Destroyed: cell("070", `${GONE}; the guest stays where it is, and another thread may enter it`),
    VSpace: cell("071", `${STOPS_FOR_LACK}; the guest stays where it is`),
    CSpace: cell("072", `${NO_CSPACE}. The guest runs on, and its next exit is answered`),
    Buffer: cell("073", "runs on; an SBI exit has four words"),
    Unbound: cell("074", "stays in the guest, which does not run until the thread has time again"),
    Endpoint: cell("075", UNTOUCHED),
    Notification: cell("076", "runs on, and none is bound to it"),
    Reply: cell("077", UNTOUCHED),
  },
  WaitingVcpu: {
    Suspend: cell("078", "Inactive; the guest stays where it is, and another thread may enter it. Resumed, VCPURun answers Cancelled"),
    Resume: cell("079", "waits on; after a Suspend: Ready, and VCPURun answers Cancelled"),
    Restart: cell("080", "waits on; after a Suspend: Ready, and enters the guest again, completing nothing twice"),
    Destroyed: cell("081", `${GONE}; the guest stays where it is, and another thread may enter it`),
    VSpace: cell("082", `${STOPS_FOR_LACK}; the guest stays where it is`),
    CSpace: cell("083", `${NO_CSPACE}. A signal still ends the wait`),
    Buffer: cell("084", "waits on; an SBI exit has four words"),
    Unbound: cell("085", "waits on in the guest; when it would run, it does not until the thread has time again"),
    Endpoint: cell("086", UNTOUCHED),
    Notification: cell("087", "Ready with Exit Stuck; it waits on if the guest's timer is armed"),
    Reply: cell("088", UNTOUCHED),
  },
  Faulted: {
    Suspend: cell("089", `${STOPPED_ALREADY}, its registers as they were`),
    Resume: cell("090", "Ready, at its pc; the fault is forgotten"),
    Restart: cell("091", "Ready, at its pc; the fault is forgotten"),
    Destroyed: cell("092", GONE),
    VSpace: cell("093", FAULT_STOPS),
    CSpace: cell("094", NO_CSPACE),
    Buffer: cell("095", NO_BUFFER),
    Unbound: cell("096", "stays stopped; resumed, it does not run until it has time again"),
    Endpoint: cell("097", STOPPED_ALREADY),
    Notification: cell("098", "stays stopped, and none is bound to it"),
    Reply: cell("099", STOPPED_ALREADY),
  },
  FaultWaiting: {
    Suspend: cell("100", "stopped, and its keeper does not hear of the fault. Resumed or restarted, it goes on at its pc, registers as they were"),
    Resume: cell("101", "waits on for its keeper; after a Suspend: Ready, at its pc, the fault is forgotten"),
    Restart: cell("102", "waits on for its keeper; after a Suspend: Ready, at its pc, the fault is forgotten"),
    Destroyed: cell("103", `${GONE}, and its fault with it`),
    VSpace: cell("104", FAULT_STOPS),
    CSpace: cell("105", `${NO_CSPACE}. The fault is told all the same: the keeper is in a slot of the TCB`),
    Buffer: cell("106", "no change; the fault needs no buffer"),
    Unbound: cell("107", "waits on; its fault is told on the keeper's own time. Repaired, it does not run until it has time again"),
    Endpoint: cell("108", "Faulted: it stays stopped"),
    Notification: cell("109", "waits on, and none is bound to it"),
    Reply: cell("110", UNTOUCHED),
  },
  FaultReceived: {
    Suspend: cell("111", "stopped, and it has its time back; its keeper's answer reaches nobody. Resumed or restarted, it goes on at its pc, registers as they were"),
    Resume: cell("112", "waits on for its keeper; after a Suspend: Ready, at its pc, the fault is forgotten"),
    Restart: cell("113", "waits on for its keeper; after a Suspend: Ready, at its pc, the fault is forgotten"),
    Destroyed: cell("114", `${GONE}; its keeper's answer reaches nobody, and the time it was lent is over`),
    VSpace: cell("115", `${FAULT_STOPS}; it has its time back`),
    CSpace: cell("116", `${NO_CSPACE}. Its keeper's answer still repairs it`),
    Buffer: cell("117", "no change; the fault needs no buffer"),
    Unbound: cell("118", "waits on; its keeper falls back on its own time. Repaired, the thread does not run until it has time again"),
    Endpoint: cell("119", "waits on: its fault was received"),
    Notification: cell("120", "waits on, and none is bound to it"),
    Reply: cell("121", "Faulted: it stays stopped, and has its time back"),
  },
};
