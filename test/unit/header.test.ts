// The generated C header against the tables it comes from: the compiler itself says what each name is worth.
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { abiHeader, cName } from "../../caps/abi/header.ts";
import { Info, IpcBuffer } from "../../caps/abi/message.ts";
import { ErrorCode, Exit, Fault, InitSlot, Invocation, Kind, RetypeSize, Right, Syscall, VcpuRegister, VcpuState } from "../../caps/abi/numbers.ts";
import { RING_FIRST, RING_MOST_BYTES, RING_MOST_MESSAGES, RING_UNIT, RingLayout, RingResult } from "../../caps/abi/ring.ts";

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "bailiwick-header-"));
  writeFileSync(join(folder, "abi.h"), abiHeader());
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Compiles a text that includes the header; throws with the compiler's words. */
function compile(body: string): void {
  const file = join(folder, "check.c");
  writeFileSync(file, `#include "abi.h"\n${body}`);
  execFileSync("riscv64-unknown-elf-gcc", ["-std=c11", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-fsyntax-only", file], { stdio: ["ignore", "ignore", "pipe"] });
}

const asserts = (prefix: string, table: Readonly<Record<string, number>>): string[] =>
  Object.entries(table).map(([name, value]) => `_Static_assert(BW_${prefix}_${cName(name)} == ${value}, "${name}");`);

test("every number of the ABI has the same value in C", () => {
  const checks = [
    ...asserts("SYS", Syscall), ...asserts("KIND", Kind), ...asserts("INV", Invocation), ...asserts("ERR", ErrorCode), ...asserts("FAULT", Fault),
    ...asserts("EXIT", Exit), ...asserts("VCPU", VcpuRegister), ...asserts("VCPU_STATE", VcpuState), ...asserts("RIGHT", Right), ...asserts("SLOT", InitSlot),
    ...asserts("BITS", Object.fromEntries(Object.entries(RetypeSize).map(([name, { bits }]) => [name, bits]))),
    ...Object.entries(IpcBuffer).map(([name, value]) => `_Static_assert(BW_IPC_${name} == ${value}, "${name}");`),
    ...asserts("RING", RingResult),
    ...Object.entries(RingLayout).map(([name, offset]) => `_Static_assert(BW_RING_AT_${name} == ${offset}, "${name}");`),
    ...Object.entries({ FIRST: RING_FIRST, MOST_MESSAGES: RING_MOST_MESSAGES, MOST_BYTES: RING_MOST_BYTES, UNIT: RING_UNIT }).map(([name, value]) => `_Static_assert(BW_RING_${name} == ${value}U, "${name}");`),
    `_Static_assert(BW_INFO_ERROR == ${Info.ERROR >>> 0}U, "the error flag is bit 31");`,
    '_Static_assert(BW_INFO_ERROR > 0, "and an unsigned number");',
    `_Static_assert(BW_INFO_LABEL_SHIFT == ${Info.LABEL_SHIFT} && BW_INFO_LABEL_MASK == ${Info.LABEL_MASK}, "label");`,
  ];
  expect(checks.length).toBeGreaterThan(140);
  compile(checks.join("\n"));
});

test("a wrong value is found by the same check", () => {
  expect(() => compile(`_Static_assert(BW_SYS_CALL == ${Syscall.Call + 1}, "call");`)).toThrow(/static assertion failed/);
});

test("the name tables give each error and fault its own name", () => {
  const count = (table: object): number => Math.max(...Object.values(table)) + 1;
  compile(`
    static const char *const errors[] = { BW_ERROR_NAMES };
    static const char *const faults[] = { BW_FAULT_NAMES };
    static const char *const results[] = { BW_RING_NAMES };
    _Static_assert(sizeof errors / sizeof errors[0] == ${count(ErrorCode)}, "errors");
    _Static_assert(sizeof faults / sizeof faults[0] == ${count(Fault)}, "faults");
    _Static_assert(sizeof results / sizeof results[0] == ${count(RingResult)}, "results");
    int main(void) { return errors[1] == faults[1] || errors[1] == results[1]; }`);
  for (const [name, code] of [...Object.entries(ErrorCode), ...Object.entries(Fault), ...Object.entries(RingResult)]) expect(abiHeader()).toContain(`[${code}] = "${name}"`);
});

test.each([
  ["Call", "CALL"], ["NBSend", "NB_SEND"], ["ReplyRecv", "REPLY_RECV"], ["UntypedRetype", "UNTYPED_RETYPE"], ["CNodeCopy", "CNODE_COPY"], ["TCBSetIPCBuffer", "TCB_SET_IPC_BUFFER"],
  ["VCPUMapFrame", "VCPU_MAP_FRAME"], ["IOSpaceUnmap", "IOSPACE_UNMAP"], ["IRQControlGet", "IRQ_CONTROL_GET"], ["VMFault", "VM_FAULT"], ["MMIO", "MMIO"], ["WriteXorExecute", "WRITE_XOR_EXECUTE"],
])("%s is called %s in C", (name, expected) => expect(cName(name)).toBe(expected));

test("no two names of one group become the same in C", () => {
  for (const table of [Syscall, Kind, Invocation, ErrorCode, Fault, Exit, VcpuRegister, VcpuState, Right, InitSlot]) {
    const names = Object.keys(table).map(cName);
    expect(new Set(names).size).toBe(names.length);
  }
});
