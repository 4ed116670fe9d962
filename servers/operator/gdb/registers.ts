// Which registers gdb is shown of a hart and of a thread, in its numbering, and the target description that tells it so.
// Source: "Debugging with GDB", appendix G.5.12 (RISC-V features).
import { VcpuRegister } from "../../../caps/abi/numbers.ts";

export interface Register {
  readonly name: string;
  /** In bytes: 8, or 4. */
  readonly bytes: 4 | 8;
}

/** Registers by gdb's number, with the description in XML. */
export interface RegisterSet {
  readonly registers: readonly Register[];
  readonly description: string;
}

const INTEGER = ["zero", "ra", "sp", "gp", "tp", "t0", "t1", "t2", "fp", "s1", ...[0, 1, 2, 3, 4, 5, 6, 7].map((n) => `a${n}`), ...[2, 3, 4, 5, 6, 7, 8, 9, 10, 11].map((n) => `s${n}`), "t3", "t4", "t5", "t6"];
const FLOATING = Array.from({ length: 32 }, (_, n) => (n < 8 ? `ft${n}` : n < 10 ? `fs${n - 8}` : n < 18 ? `fa${n - 10}` : n < 28 ? `fs${n - 16}` : `ft${n - 20}`));
/** Of supervisor mode, as far as the engine has them, and behind them the privilege: the order of VCPU_RECORD in core/machine/unicorn.ts. */
const SUPERVISOR = ["sstatus", "sie", "stvec", "sscratch", "sepc", "scause", "stval", "sip", "satp"] as const;

/** Of a machine mode, by VcpuRegister from mstatus on; those that are the CLINT's are no control and status registers. */
const CLINT: ReadonlySet<string> = new Set(["mtimecmp", "msip"]);
const MACHINE = Object.entries(VcpuRegister).filter(([, n]) => n >= VcpuRegister.mstatus).flatMap(([name]) => (name === "pmpaddr0" ? Array.from({ length: 16 }, (_, n) => `pmpaddr${n}`) : name));

/** Numbers of the first of each kind. */
export const RegisterNumber = { X: 0, PC: 32, F: 33, FFLAGS: 65, FRM: 66, FCSR: 67, SUPERVISOR: 68, PRIV: 68 + SUPERVISOR.length, MACHINE: 69 + SUPERVISOR.length } as const;

function registerSet(privileged: boolean, machine = false): RegisterSet {
  const registers: Register[] = [];
  const put = (name: string, bytes: 4 | 8, type: string): string => {
    registers.push({ name, bytes });
    return `<reg name="${name}" bitsize="${8 * bytes}" type="${type}" regnum="${registers.length - 1}"/>`;
  };
  const feature = (name: string, lines: readonly string[], from = "org.gnu.gdb.riscv"): string => `<feature name="${from}.${name}">\n${lines.join("\n")}\n</feature>\n`;
  const typeOf = (name: string): string => (name === "ra" || name === "pc" ? "code_ptr" : name === "sp" || name === "gp" || name === "tp" || name === "fp" ? "data_ptr" : "int");
  const system = (): string[] => {
    const supervisor = SUPERVISOR.map((name) => put(name, 8, "int")), priv = put("priv", 8, "int"), own = (machine ? MACHINE : []).map((name) => [name, put(name, 8, "int")] as const);
    const lines = (clint: boolean): string[] => own.flatMap(([name, line]) => (CLINT.has(name) === clint ? line : []));
    return [feature("csr", [...supervisor, ...lines(false)]), feature("virtual", [priv]), ...(machine ? [feature("clint", lines(true), "bailiwick")] : [])];
  };
  const features = [
    feature("cpu", [...INTEGER, "pc"].map((name) => put(name, 8, typeOf(name)))),
    feature("fpu", [...FLOATING.map((name) => put(name, 8, "ieee_double")), ...["fflags", "frm", "fcsr"].map((name) => put(name, 4, "int"))]),
    ...(privileged ? system() : []),
  ];
  return { registers, description: `<?xml version="1.0"?>\n<!DOCTYPE target SYSTEM "gdb-target.dtd">\n<target version="1.0">\n<architecture>riscv:rv64</architecture>\n${features.join("")}</target>\n` };
}

/** Of a guest's hart, of one with a machine mode, and of a machine program's thread. */
export const HART_REGISTERS = registerSet(true), FIRMWARE_REGISTERS = registerSet(true, true), THREAD_REGISTERS = registerSet(false);

// ---- fcsr, of which fflags and frm are parts ----

const FLAGS = 0x1fn, FRM_SHIFT = 5n, FRM_BITS = 7n, FCSR_BITS = 0xffn;

/** fflags, frm and fcsr. */
export const floatControl = (fcsr: bigint): bigint[] => [fcsr & FLAGS, (fcsr >> FRM_SHIFT) & FRM_BITS, fcsr & FCSR_BITS];

/** fcsr after one of the three is written; undefined: it is another register. */
export function withFloatControl(fcsr: bigint, register: number, value: bigint): bigint | undefined {
  switch (register) {
    case RegisterNumber.FFLAGS:
      return (fcsr & ~FLAGS) | (value & FLAGS);
    case RegisterNumber.FRM:
      return (fcsr & FLAGS) | ((value & FRM_BITS) << FRM_SHIFT);
    case RegisterNumber.FCSR:
      return value & FCSR_BITS;
    default:
      return undefined;
  }
}

/** The register's value as it stands in a packet: hexadecimal, least significant byte first. */
export function registerText({ bytes }: Register, value: bigint): string {
  const b = Buffer.alloc(8);
  b.writeBigUInt64LE(BigInt.asUintN(64, value));
  return b.toString("hex", 0, bytes);
}

/** Undefined when the text is not such a value. */
export function parseRegister({ bytes }: Register, text: string): bigint | undefined {
  if (text.length !== 2 * bytes || !/^[0-9a-f]*$/i.test(text)) return undefined;
  return Buffer.concat([Buffer.from(text, "hex"), Buffer.alloc(8)]).readBigUInt64LE(0);
}
