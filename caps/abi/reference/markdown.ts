// The reference as Markdown: one page an object, and the tables that are nobody's alone. Pure: the text follows from the data and from caps/abi.
// `npm run reference` writes the pages; test/unit/reference.test.ts says whether those in the tree are these.
import { cName } from "../header.ts";
import { Exit, Fault, InitSlot, Invocation, Kind, Right, RetypeSize, Syscall, ErrorCode, type ErrorName, type FaultName, type RetypeName } from "../numbers.ts";
import { BootInfo, BOOTINFO_MAGIC, BOOTINFO_VERSION, FILE_NAME_BYTES, FILE_WORDS, IOSPACE_WORDS, UNTYPED_WORDS } from "../bootinfo.ts";
import { Info, IpcBuffer, MAX_CAPS, MAX_WORDS, REGISTER_WORDS } from "../message.ts";
import { BOOT_TESTS, BOOT_WORDS, INIT_SLOTS, MESSAGE_TESTS } from "./boot.ts";
import { ERRORS } from "./errors.ts";
import { EXITS, FAULT_ANSWERS, FAULTS } from "./faults.ts";
import { OBJECTS, PENDING } from "./objects.ts";
import { bytes, type InvocationName, type ObjectName, type Operation, type Refusal, type RightName, type TestId, type Word } from "./page.ts";
import { OTHER_NUMBER_TESTS, SYSTEM_CALLS, type SyscallName } from "./system-calls.ts";
import { THREAD_EVENTS, THREAD_STATES, THREADS, type ThreadEventName, type ThreadStateName } from "./threads.ts";

const NOTE = "<!-- Generated from caps/abi by `npm run reference`. Do not edit. -->";
const keys = <T extends object>(table: T): (keyof T & string)[] => Object.keys(table) as (keyof T & string)[];
const hex = (n: number): string => `0x${n.toString(16)}`;
/** A text of the data in one line: it is broken there as the source's lines are. */
const line = (text: string): string => text.replace(/\n/g, " ").replace(/\|/g, "\\|");
const cited = (tests: readonly TestId[]): string => tests.map((id) => `\`${id}\``).join(" ");
const shown = (tests: readonly TestId[]): string => (tests.length === 0 ? "(test to come)" : cited(tests));

/** The page of an object: `sched-context.md`. */
export const pageOf = (kind: ObjectName): string => `${cName(kind).toLowerCase().replace(/_/g, "-")}.md`;

/** The operations of an object, in the order of the ABI. */
export const operationsOf = (kind: ObjectName): readonly (readonly [InvocationName, Operation])[] => Object.entries(OBJECTS[kind].operations) as [InvocationName, Operation][];
const linked = (kind: ObjectName, name: InvocationName): string => `[${name}](${pageOf(kind)}#${name.toLowerCase()})`;

function table(head: readonly string[], rows: readonly (readonly string[])[]): string[] {
  return [`| ${head.join(" | ")} |`, `|${head.map(() => "---|").join("")}`, ...rows.map((row) => `| ${row.map(line).join(" | ")} |`), ""];
}

const words = (list: readonly Word[]): string[] => table(["word", "name", "what"], list.map((w) => [w.at, w.name, w.what]));
const refusals = (list: readonly Refusal[]): string[] =>
  table(["error", "argument", "when", "shown by"], list.map((r) => [`[${r.error}](errors.md)`, r.argument === null ? "" : `w${r.argument}`, r.when, shown(r.tests)]));

/** What an object costs of an Untyped, from the table that Retype uses. */
export function cost(kind: RetypeName): string {
  const { bits, sized, min, max } = RetypeSize[kind];
  if (!sized) return bytes(2 ** bits);
  if (kind === "Frame") return `${bytes(2 ** min)} or ${bytes(2 ** max)}: sizeBits ${min} or ${max}`;
  const unit = bits === 0 ? "2^sizeBits bytes" : `${bytes(2 ** bits)} a slot, 2^sizeBits slots`;
  return `${unit}: ${bytes(2 ** (bits + min))} to ${bytes(2 ** (bits + max))}, sizeBits ${min} to ${max}`;
}
const isMade = (kind: ObjectName): kind is ObjectName & RetypeName => kind in RetypeSize;
const costs = (kind: ObjectName): string => (isMade(kind) ? `${cost(kind)}, of the Untyped it is made from` : "nothing; made by the boot, or by its control object");

function operation(name: InvocationName, op: Operation): string[] {
  return [
    `## ${name}`, "",
    `Label ${hex(Invocation[name])} · \`BW_INV_${cName(name)}\``, "",
    line(op.does), "",
    ...(op.words.length === 0 ? ["No words.", ""] : words(op.words)),
    `**Rights**: ${line(op.rights)}.`, "",
    ...(op.answer.length === 0 ? ["**Answer**: no words.", ""] : ["**Answer**", "", ...words(op.answer)]),
    `**Shown by** ${shown(op.tests)}`, "",
    ...(op.refusals.length === 0 ? ["It is never refused.", ""] : refusals(op.refusals)),
    `**Cost**: ${line(op.bound)}`, "",
    `**Source**: ${line(op.source)}.`, "",
  ];
}

function objectPage(kind: ObjectName): string {
  const page = OBJECTS[kind], operations = operationsOf(kind);
  const rights = keys(page.rights).filter((r) => page.rights[r] !== undefined);
  return text([
    `# ${kind}`, "",
    line(page.is), "",
    `- **Kind** ${Kind[kind]}, \`BW_KIND_${cName(kind)}\``,
    `- **Costs** ${costs(kind)}`,
    `- **Source**: ${line(page.source)}`, "",
    "**Rights of a capability**", "",
    ...(rights.length === 0 ? ["It has none that mean anything here: whoever holds it may do all of the below.", ""] : table(["right", "bit", "allows"], rights.map((r) => [r, `${Right[r]}`, page.rights[r] ?? ""]))),
    `**Capabilities**: ${line(page.capabilities)}`, "",
    `**When the last one is gone**: ${line(page.end)}${page.endTests.length === 0 ? "" : ` ${cited(page.endTests)}`}`, "",
    ...(kind === "Endpoint" ? [] : [`**Another label** is an [IllegalOperation](errors.md). ${shown(page.otherLabels)}`, ""]),
    ...operations.flatMap(([name, op]) => operation(name, op)),
    ...(kind === "VCPU" ? exits() : []),
  ]);
}

function exits(): string[] {
  return [
    "## Exits", "", "Labels of the answer to VCPURun, plus 256 times the number of the hart.", "",
    ...table(["exit", "label", "when", "words", "shown by"], keys(EXITS).map((e) => [e, `${Exit[e]}`, EXITS[e].when, listed(EXITS[e].words), shown(EXITS[e].tests)])),
  ];
}

const listed = (list: readonly Word[]): string => list.map((w) => `${w.at} = ${w.name}${w.what === "" ? "" : ` (${w.what})`}`).join("; ");
const text = (lines: readonly string[]): string => [NOTE, ...lines].join("\n");

function callsPage(): string {
  return text([
    "# System calls", "",
    "The number stands in a7, a capability pointer (CPtr) in a0. A call that ends leaves a badge in a0, an info word in a1 and words in a2..a5, and changes no other register; one that waits leaves all of them as they",
    "are. An error is an info word with the error flag, which the kernel alone can set: its label is the [error](errors.md), its words the details. [message.md](message.md) says what a message is, [threads.md](threads.md)",
    "what becomes of a call whose thread is stopped.", "",
    `Any other number is an UnknownSyscall [fault](faults.md). ${cited(OTHER_NUMBER_TESTS)}`, "",
    ...keys(SYSTEM_CALLS).flatMap((name: SyscallName) => {
      const call = SYSTEM_CALLS[name];
      return [
        `## ${name}`, "",
        `a7 = ${Syscall[name]} · \`BW_SYS_${cName(name)}\``, "",
        line(call.does), "",
        ...(call.registers.length === 0 ? [] : table(["register", "name", "what"], call.registers.map((w) => [w.at, w.name, w.what]))),
        `**Rights**: ${line(call.rights)}.`, "",
        `**Answer**: ${listed(call.answer).replace(/ = {2}\(/g, " = (")}. ${shown(call.tests)}`, "",
        ...(call.refusals.length === 0 ? ["It is never refused.", ""] : refusals(call.refusals)),
        ...call.faults.flatMap((f) => [`**[${f.fault} fault](faults.md)**: ${line(f.when)}. ${cited(f.tests)}`, ""]),
        `**Cost**: ${line(call.bound)}`, "",
        `**Source**: ${line(call.source)}.`, "",
      ];
    }),
  ]);
}

function messagePage(): string {
  const top = 31;
  return text([
    "# The message", "",
    `A message is a label, up to ${MAX_WORDS} words of 64 bits and up to ${MAX_CAPS} capabilities. The first ${REGISTER_WORDS} words travel in a2..a5, the others and the capabilities through the IPC buffers of sender and receiver. It is copied`,
    "once, when both are there: the kernel holds no message.", "",
    "## Info word", "",
    `a1, 32 bits used, the rest 0. \`BW_INFO_...\``, "",
    ...table(["bits", "what", "range"], [
      [`0-${Math.log2(Info.LENGTH_MASK + 1) - 1}`, "length: words", `0..${MAX_WORDS}`],
      [`${Info.CAPS_SHIFT}-${Info.UNWRAPPED_SHIFT - 1}`, "capabilities sent; on receipt, taken", `0..${MAX_CAPS}`],
      [`${Info.UNWRAPPED_SHIFT}-${Info.LABEL_SHIFT - 1}`, "on receipt: bit i says that capability i was unwrapped to its badge", ""],
      [`${Info.LABEL_SHIFT}-${top - 1}`, "label", `0..${Info.LABEL_MASK}`],
      [`${top}`, "error flag: set by the kernel alone", ""],
    ]),
    "## IPC buffer", "",
    `${bytes(IpcBuffer.BYTES)} of a frame, aligned to that, in words of 64 bits. \`BW_IPC_...\``, "",
    ...table(["word", "name", "what"], [
      [`${IpcBuffer.RECEIVE_COUNT}`, "RECEIVE_COUNT", `slots that may take capabilities, 0..${MAX_CAPS}`],
      [`${IpcBuffer.WORDS} + n`, "WORDS", `word n of the message, n from ${REGISTER_WORDS} on; the places of the first ${REGISTER_WORDS} are not used`],
      [`${IpcBuffer.USER_DATA}`, "USER_DATA", "the program's own"],
      [`${IpcBuffer.CAPS} + i`, "CAPS", "CPtrs to send; on receipt, the badges of unwrapped ones"],
      [`${IpcBuffer.RECEIVE_CNODE}`, "RECEIVE_CNODE", "CPtr of the CNode of the first receive slot"],
      [`${IpcBuffer.RECEIVE_INDEX}`, "RECEIVE_INDEX", "its index"],
      [`${IpcBuffer.RECEIVE_DEPTH}`, "RECEIVE_DEPTH", "its depth in bits, 1..32"],
    ]),
    "## What holds", "",
    ...table(["", "shown by"], MESSAGE_TESTS.map((m) => [m.says, cited(m.tests)])),
  ]);
}

/** Where an operation or system call can fail with this error. */
function users(error: ErrorName): string {
  const operations = keys(OBJECTS).flatMap((kind) => operationsOf(kind).filter(([, op]) => op.refusals.some((r) => r.error === error)).map(([name]) => linked(kind, name)));
  const calls = keys(SYSTEM_CALLS).filter((name) => SYSTEM_CALLS[name].refusals.some((r) => r.error === error)).map((name) => `[${name}](system-calls.md#${name.toLowerCase()})`);
  return [...calls, ...operations].join(", ");
}

function errorsPage(): string {
  return text([
    "# Errors", "",
    "The label of an answer whose info word has the error flag. A refused invocation has changed nothing: every check comes before any change. The words are the details; an argument's number counts the message's words from 0,",
    "and 0 also stands for the invoked capability.", "",
    ...keys(ERRORS).flatMap((name) => [
      `## ${name}`, "",
      `${ErrorCode[name]} · \`BW_ERR_${cName(name)}\``, "",
      line(ERRORS[name].means), "",
      ...(ERRORS[name].words.length === 0 ? [] : [`Words: ${line(listed(ERRORS[name].words))}.`, ""]),
      `From: ${users(name)}${name === "IllegalOperation" ? "; and from every object, for a label that is none of its operations" : ""}.`, "",
    ]),
  ]);
}

function faultsPage(): string {
  return text([
    "# Faults", "",
    "A thread's mistake becomes a message to its keeper, as if the thread had called it: through the keeper capability of [TCBSetSpace](tcb.md#tcbsetspace), or of [TCBSetTimeoutKeeper](tcb.md#tcbsettimeoutkeeper) for Timeout, with that",
    "capability's badge, on the thread's time. Until it is answered the thread is stopped, its registers as they were; [threads.md](threads.md) says what else can happen to it.", "",
    ...table(["fault", "label", "when", "words", "goes on", "shown by"],
      keys(FAULTS).map((name: FaultName) => [name, `${Fault[name]}`, FAULTS[name].when, listed(FAULTS[name].words), FAULTS[name].onward, shown(FAULTS[name].tests)])),
    "## What the keeper's answer does", "",
    ...table(["answer", "then", "shown by"], FAULT_ANSWERS.map((a) => [a.answer, a.result, cited(a.tests)])),
  ]);
}

function bootPage(): string {
  return text([
    "# What a program finds", "",
    "## Slots", "",
    "`BW_SLOT_...`: slots of its root CNode, in the CSpaces of", "",
    ...table(["slot", "name", "whose", "holds"], keys(INIT_SLOTS).map((name) => [`${InitSlot[name]}`, name, INIT_SLOTS[name].who, INIT_SLOTS[name].holds])),
    "## Bootinfo", "",
    "The root server starts with the address of bootinfo in a0: words of 64 bits, mapped read-only. It names everything that there is, and the root server holds all of it.", "",
    ...table(["word", "name", "what"], keys(BOOT_WORDS).map((name) => [`${BootInfo[name]}`, name,
      `${BOOT_WORDS[name]}${name === "MAGIC" ? `: ${hex(BOOTINFO_MAGIC)}` : name === "VERSION" ? `: ${BOOTINFO_VERSION}` : ""}`])),
    ...table(["entry", "words", "what"], [
      ["Untyped", `${UNTYPED_WORDS}`, "slot, physical address, size in bits, 1 if device memory"],
      ["file", `${FILE_WORDS}`, `address where it is mapped read-only, bytes, first Frame's slot, number of frames, frame size in bits, name (${FILE_NAME_BYTES} bytes, zero padded)`],
      ["I/O space", `${IOSPACE_WORDS}`, `slot, name of its device (${8 * (IOSPACE_WORDS - 1)} bytes, zero padded)`],
    ]),
    `Shown by ${cited(BOOT_TESTS)}`, "",
  ]);
}

function threadsPage(): string {
  const states = keys(THREAD_STATES), events = keys(THREAD_EVENTS);
  return text([
    "# Threads: what stops one, and what lets it go on", "",
    "A thread that is stopped keeps its registers. If it was stopped in a system call, the kernel remembers that: TCBResume makes the call answer Cancelled, TCBRestart makes it again. A thread that was stopped by a",
    "fault has no call to end: both let it go on at its pc, and the fault is forgotten. Neither means anything to a thread that runs or waits.", "",
    "## States", "",
    ...table(["state", "the thread"], states.map((s) => [s, THREAD_STATES[s]])),
    "## What can happen", "",
    ...table(["event", ""], events.map((e) => [e, THREAD_EVENTS[e]])),
    "A capability is revoked together with the copies in a TCB's own slots, so a thread loses by that what it was given by it. When the VCPU of a thread inside VCPURun is destroyed, the call answers Exit Broken",
    `without words. \`VCPU-RUN-007\``, "",
    ...states.flatMap((s: ThreadStateName) => [
      `## ${s}`, "", `${THREAD_STATES[s]}.`, "",
      ...table(["event", "then", "shown by"], events.map((e: ThreadEventName) => [e, THREADS[s][e].result, `\`${THREADS[s][e].test}\``])),
    ]),
  ]);
}

function indexPage(): string {
  const rights = keys(Right).map((r: RightName) => [r, `${Right[r]}`]);
  return text([
    "# The kernel's API", "",
    "One page an object; each operation with its words, rights, errors and when, what its work grows with, and the tests that show it. Generated by `npm run reference` from the tables beside it (`*.ts`) and from",
    "`caps/abi/numbers.ts`; `test/unit/reference.test.ts` checks both against each other and against the tests. A test's ID, `CNODE-COPY-003`, is test 003 of `describe(\"CNODE-COPY\")` in `test/unit/kernel/`.", "",
    "- [System calls](system-calls.md) · [The message](message.md) · [Errors](errors.md) · [Faults](faults.md)",
    "- [Threads: what stops one, and what lets it go on](threads.md)",
    "- [What a program finds: slots, bootinfo](boot.md)", "",
    "## Objects", "",
    ...table(["object", "costs", "operations"], keys(OBJECTS).map((kind: ObjectName) => [
      `[${kind}](${pageOf(kind)})`, isMade(kind) ? cost(kind) : "nothing", operationsOf(kind).map(([name]) => linked(kind, name)).join(", "),
    ])),
    "## An invocation", "",
    "A Call on a capability to a kernel object; the message's label is the operation. Capabilities among the arguments are named by CPtr words in the caller's CSpace, so none needs the IPC buffer unless it has more than",
    "four words. `.lo` and `.hi` are the halves of a word. A *slot word* names a slot from a CNode that is named beside it: lo = index, hi = depth in bits. All checks come before any change, and a refusal leaves no trace.", "",
    ...table(["error", "when, of any invocation", "shown by"], [
      ["[FailedLookup](errors.md)", "the invoked CPtr leads to no slot of the caller's CSpace; w0 = 0, w1 = bits left", cited(["IPC-CALL-004", "CSPACE-WALK-001", "CSPACE-WALK-002"])],
      ["[InvalidCapability](errors.md)", "its slot is empty; w0 = 0", cited(["IPC-CALL-004"])],
      ["[IllegalOperation](errors.md)", "the object has no such operation", "each object's page"],
    ]),
    "\"It repeats itself\": long work is done in pieces. The kernel puts the thread's pc back to its ecall, so that whoever is more urgent runs, and the call goes on where it was when the thread's turn comes. The caller sees one call.", "",
    "## Rights", "",
    "Bits of a capability. A copy never has one that its source lacks.", "",
    ...table(["right", "bit"], rights),
    ...(PENDING.length === 0 ? [] : [`Tests to come: ${PENDING.join(", ")}.`, ""]),
  ]);
}

/** Every page of the reference by its name in caps/abi/reference. */
export function referencePages(): ReadonlyMap<string, string> {
  return new Map([
    ["README.md", indexPage()],
    ...keys(OBJECTS).map((kind): [string, string] => [pageOf(kind), objectPage(kind)]),
    ["system-calls.md", callsPage()],
    ["message.md", messagePage()],
    ["errors.md", errorsPage()],
    ["faults.md", faultsPage()],
    ["boot.md", bootPage()],
    ["threads.md", threadsPage()],
  ]);
}
