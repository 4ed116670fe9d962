// The C side of the ABI: `bailiwick/abi.h`, generated from the tables of this folder and from the address map, so that no number is written twice.
// Pure: the text depends on nothing else. Names: BW_<GROUP>_<NAME>, words of a name parted at capitals, the house's own terms kept whole (VSPACE, CNODE).
import { AddressMap } from "../image/system.ts";
import { Info, IpcBuffer, MAX_CAPS, MAX_WORDS, REGISTER_WORDS } from "./message.ts";
import { ALL_RIGHTS, ErrorCode, Exit, Fault, InitSlot, Invocation, Kind, MAP_EXECUTE, RetypeSize, Right, Syscall, VcpuRegister, VcpuState } from "./numbers.ts";
import { RING_FIRST, RING_MOST_BYTES, RING_MOST_MESSAGES, RING_UNIT, RingLayout, RingResult } from "./ring.ts";

/** Terms of one word whose capitals do not part them. */
const TERMS: readonly (readonly [RegExp, string])[] = [
  [/CNode/g, "Cnode"],
  [/CSpace/g, "Cspace"],
  [/VSpace/g, "Vspace"],
  [/IOSpace/g, "Iospace"],
];

/** `TCBSetSpace` → `TCB_SET_SPACE`, `CNodeCopy` → `CNODE_COPY`, `NBSend` → `NB_SEND`. */
export function cName(name: string): string {
  const plain = TERMS.reduce((text, [term, word]) => text.replace(term, word), name);
  return plain
    .replace(/([a-z0-9])([A-Z])/g, "$1_$2")
    .replace(/([A-Z])([A-Z][a-z])/g, "$1_$2")
    .toUpperCase();
}

type Table = Readonly<Record<string, number>>;

function enumeration(prefix: string, doc: string, table: Table): string[] {
  const members = Object.entries(table).map(([name, value]) => `    BW_${prefix}_${cName(name)} = ${literal(value)},`);
  return [`/* ${doc} */`, "enum {", ...members, "};", ""];
}

/** Numbers that are masks, addresses or structured read better in hexadecimal; such a literal also takes the first type it fits, so 0x80000000 is unsigned. */
const literal = (value: number): string => (value >= 0 && value < 0x80 ? `${value}` : `0x${(value >>> 0).toString(16)}`);

const constant = (name: string, value: number, doc: string): string => `#define BW_${name} ${literal(value)} /* ${doc} */`;

/** The members of a name table indexed by code, for `static const char *const names[] = { BW_ERROR_NAMES };`. */
const names = (macro: string, table: Table): string => `#define BW_${macro} ${Object.entries(table).map(([name, code]) => `[${code}] = "${name}"`).join(", ")}`;

/** The header's text, ending in a newline. It stands alone: C11, no include. */
export function abiHeader(): string {
  const bits = Object.entries(RetypeSize).map(([name, size]) => [name, size.bits] as const);
  return [
    "/* Generated from caps/abi. Do not edit. */",
    "#pragma once",
    "",
    "/* The message: words in registers, words in all, capabilities. */",
    constant("REGISTER_WORDS", REGISTER_WORDS, "words that travel in a2..a5"),
    constant("MAX_WORDS", MAX_WORDS, "most words of a message"),
    constant("MAX_CAPS", MAX_CAPS, "most capabilities of a message"),
    "",
    "/* The info word. */",
    constant("INFO_LENGTH_MASK", Info.LENGTH_MASK, "words, from bit 0"),
    constant("INFO_CAPS_SHIFT", Info.CAPS_SHIFT, "capabilities"),
    constant("INFO_CAPS_MASK", Info.CAPS_MASK, "after the shift"),
    constant("INFO_UNWRAPPED_SHIFT", Info.UNWRAPPED_SHIFT, "one bit a capability that arrived as a badge"),
    constant("INFO_LABEL_SHIFT", Info.LABEL_SHIFT, "label"),
    constant("INFO_LABEL_MASK", Info.LABEL_MASK, "after the shift"),
    constant("INFO_ERROR", Info.ERROR, "set by the kernel alone: the label is an error code"),
    "",
    "/* The IPC buffer, indices of 64-bit words. */",
    constant("IPC_BYTES", IpcBuffer.BYTES, "bytes, and its alignment"),
    constant("IPC_RECEIVE_COUNT", IpcBuffer.RECEIVE_COUNT, "slots that may take capabilities, 0..3"),
    constant("IPC_WORDS", IpcBuffer.WORDS, "word n of the message, n >= 4, stands at this + n"),
    constant("IPC_USER_DATA", IpcBuffer.USER_DATA, "the program's own"),
    constant("IPC_CAPS", IpcBuffer.CAPS, "CPtrs to send; badges of unwrapped ones received"),
    constant("IPC_RECEIVE_CNODE", IpcBuffer.RECEIVE_CNODE, "CNode of the first receive slot"),
    constant("IPC_RECEIVE_INDEX", IpcBuffer.RECEIVE_INDEX, "its index"),
    constant("IPC_RECEIVE_DEPTH", IpcBuffer.RECEIVE_DEPTH, "its depth in bits"),
    "",
    "/* Addresses of a machine program. */",
    constant("ADDRESS_TEXT", AddressMap.TEXT, "lowest address of the program"),
    constant("ADDRESS_STACK_TOP", AddressMap.STACK_TOP, "sp at entry"),
    constant("ADDRESS_IPC_BUFFER", AddressMap.IPC_BUFFER, "IPC buffer of the first thread"),
    constant("ADDRESS_ARGUMENTS", AddressMap.ARGUMENTS, "what the manifest tells the program: bw_arg"),
    constant("ADDRESS_REGIONS", AddressMap.REGIONS, "device registers and small files"),
    constant("ADDRESS_OWN", AddressMap.OWN, "512 MiB for what the program maps itself"),
    "",
    constant("ALL_RIGHTS", ALL_RIGHTS, "every right"),
    constant("MAP_EXECUTE", MAP_EXECUTE, "attribute of FrameMap beside Read and Write"),
    "",
    ...enumeration("SYS", "System calls: number in a7.", Syscall),
    ...enumeration("KIND", "Kinds of capabilities.", Kind),
    ...enumeration("BITS", "Retype: log2 of an object's size in bytes; sized objects add sizeBits.", Object.fromEntries(bits)),
    ...enumeration("INV", "Invocations: labels of a Call on a kernel object.", Invocation),
    ...enumeration("ERR", "Error codes: the label when BW_INFO_ERROR is set.", ErrorCode),
    ...enumeration("FAULT", "Faults: labels of the kernel's messages to a keeper.", Fault),
    ...enumeration("EXIT", "Labels of the reply to BW_INV_VCPU_RUN; of a further hart's exit, plus 256 times its number.", Exit),
    ...enumeration("VCPU", "Register numbers of a VCPU; 1..31 are x1..x31.", VcpuRegister),
    ...enumeration("VCPU_STATE", "What a hart does: BW_INV_VCPU_GET_STATE, BW_INV_VCPU_SET_STATE.", VcpuState),
    ...enumeration("RIGHT", "Rights of a capability.", Right),
    ...enumeration("SLOT", "Slots that every program finds in its CSpace.", InitSlot),
    "/* A ring in shared memory: offsets in bytes; shapes; what an operation comes to. */",
    ...Object.entries(RingLayout).map(([name, offset]) => constant(`RING_AT_${name}`, offset, "bytes from the ring's start")),
    constant("RING_FIRST", RING_FIRST, "where its numbers begin"),
    constant("RING_MOST_MESSAGES", RING_MOST_MESSAGES, "most messages in a ring, a power of two"),
    constant("RING_MOST_BYTES", RING_MOST_BYTES, "most bytes of a message"),
    constant("RING_UNIT", RING_UNIT, "bytes of a message are a multiple of this"),
    "",
    ...enumeration("RING", "What an operation on a ring comes to.", RingResult),
    "/* Names by code, as designated initialisers of an array of strings. */",
    names("ERROR_NAMES", ErrorCode),
    names("FAULT_NAMES", Fault),
    names("RING_NAMES", RingResult),
    "",
  ].join("\n");
}
