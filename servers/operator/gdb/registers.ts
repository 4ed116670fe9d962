// Which registers gdb is shown of a hart and of a thread, in its numbering, and the target description that tells it so.
// Source: "Debugging with GDB", appendix G.5.12 (RISC-V features).

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

/** Numbers of the first of each kind. */
export const RegisterNumber = { X: 0, PC: 32, F: 33, FFLAGS: 65, FRM: 66, FCSR: 67, SUPERVISOR: 68, PRIV: 68 + SUPERVISOR.length } as const;

function registerSet(privileged: boolean): RegisterSet {
  const registers: Register[] = [];
  const put = (name: string, bytes: 4 | 8, type: string): string => {
    registers.push({ name, bytes });
    return `<reg name="${name}" bitsize="${8 * bytes}" type="${type}" regnum="${registers.length - 1}"/>`;
  };
  const feature = (name: string, lines: readonly string[]): string => `<feature name="org.gnu.gdb.riscv.${name}">\n${lines.join("\n")}\n</feature>\n`;
  const typeOf = (name: string): string => (name === "ra" || name === "pc" ? "code_ptr" : name === "sp" || name === "gp" || name === "tp" || name === "fp" ? "data_ptr" : "int");
  const features = [
    feature("cpu", [...INTEGER, "pc"].map((name) => put(name, 8, typeOf(name)))),
    feature("fpu", [...FLOATING.map((name) => put(name, 8, "ieee_double")), ...["fflags", "frm", "fcsr"].map((name) => put(name, 4, "int"))]),
    ...(privileged ? [feature("csr", SUPERVISOR.map((name) => put(name, 8, "int"))), feature("virtual", [put("priv", 8, "int")])] : []),
  ];
  return { registers, description: `<?xml version="1.0"?>\n<!DOCTYPE target SYSTEM "gdb-target.dtd">\n<target version="1.0">\n<architecture>riscv:rv64</architecture>\n${features.join("")}</target>\n` };
}

/** Of a guest's hart, and of a machine program's thread. */
export const HART_REGISTERS = registerSet(true), THREAD_REGISTERS = registerSet(false);

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
