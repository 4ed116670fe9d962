// The packets that read and write registers and memory of a thread that is stopped: g G p P, m M X.
// Source: "Debugging with GDB", appendix E.2.
import { MOST_BYTES } from "./packets.ts";
import { parseRegister, registerText } from "./registers.ts";
import type { Target } from "./target.ts";

/** Errors by their numbers in Linux. */
export const ERROR = { invalid: "E16", fault: "E0e", busy: "E10", gone: "E03", room: "E1c" } as const;
/** Bytes of memory in an answer. */
const MOST_MEMORY = MOST_BYTES / 2 - 16;

/** A number of at most 64 bits; undefined when it is none. */
export function parseHex(text: string): bigint | undefined {
  return /^[0-9a-f]{1,16}$/i.test(text) ? BigInt(`0x${text}`) : undefined;
}

/** The answer to such a packet. @param text what follows the command's letter */
export function inspect(target: Target, tid: number, command: string, text: string): string {
  const { registers } = target.registers;
  switch (command) {
    case "g":
      return text === "" ? (target.read(tid) ?? []).map((value, n) => registerText(registers[n]!, value)).join("") : ERROR.invalid;
    case "G":
      return writeAll(target, tid, text);
    case "p": {
      const n = Number(parseHex(text) ?? -1n), value = target.read(tid)?.[n];
      return value === undefined ? ERROR.invalid : registerText(registers[n]!, value);
    }
    case "P": {
      const [, number = "", given = ""] = /^([0-9a-f]{1,4})=([0-9a-f]+)$/i.exec(text) ?? [], n = Number.parseInt(number, 16), register = registers[n];
      const value = register === undefined ? undefined : parseRegister(register, given);
      return value !== undefined && target.write(tid, n, value) ? "OK" : ERROR.invalid;
    }
    default:
      return memory(target, tid, command, text);
  }
}

/** Those that differ: others may be ones that cannot be written now. */
function writeAll(target: Target, tid: number, text: string): string {
  const present = target.read(tid) ?? [];
  let at = 0;
  for (const [n, register] of target.registers.registers.entries()) {
    const value = parseRegister(register, text.slice(at, (at += 2 * register.bytes)));
    if (value === undefined || (value !== present[n] && !target.write(tid, n, value))) return ERROR.invalid;
  }
  return at === text.length ? "OK" : ERROR.invalid;
}

function memory(target: Target, tid: number, command: string, text: string): string {
  const [, at = "", length = "", data] = /^([0-9a-f]{1,16}),([0-9a-f]{1,8})(?::(.*))?$/is.exec(text) ?? [];
  const address = parseHex(at), bytes = Number.parseInt(length, 16);
  if (address === undefined || Number.isNaN(bytes) || (data === undefined) !== (command === "m")) return ERROR.invalid;
  if (data === undefined) {
    const found = target.readMemory(tid, address, Math.min(bytes, MOST_MEMORY));
    return found.length === 0 && bytes > 0 ? ERROR.fault : Buffer.from(found).toString("hex");
  }
  if (command === "M" && !/^([0-9a-f]{2})*$/i.test(data)) return ERROR.invalid;
  const given = Buffer.from(data, command === "M" ? "hex" : "latin1");
  if (given.length !== bytes) return ERROR.invalid;
  return target.writeMemory(tid, address, given) ? "OK" : ERROR.fault;
}
