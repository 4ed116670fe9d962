// Appliances with a bank, a constructor and clients that do what a script says (test/integration/constructor), in one folder, so that programs are compiled once.
import { readFileSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { AddressMap } from "../../caps/image/system.ts";
import { applianceFolder, manifestWith, runAppliance, type Run, type RunOptions } from "./appliance-run.ts";

const SOURCES = "test/integration/constructor";
const PROGRAMS = "programs:\n  product: { image: { c: product.c } }\n  needs: { image: { c: needs.c } }\n";

export interface Party {
  readonly does: readonly string[];
  /** Another program than the script's. */
  readonly image?: string;
  readonly priority?: number;
  readonly cpu?: string;
  readonly bank?: string;
  readonly more?: string;
}

export interface Setting {
  /** args of the constructor. */
  readonly args?: string;
  /** Of the constructor's bank. */
  readonly files?: string;
  readonly others?: Readonly<Record<string, string>>;
  readonly options?: RunOptions;
}

export interface Said {
  /** What each client said, a line each: `line of the script: what came of it`. */
  readonly of: (party: string) => readonly string[];
  readonly all: readonly string[];
  readonly run: Run;
  readonly faults: readonly Record<string, unknown>[];
}

export class ConstructorBench {
  readonly #folder: ReturnType<typeof applianceFolder>;

  constructor(more: Readonly<Record<string, string | Uint8Array>> = {}) {
    this.#folder = applianceFolder({ ...Object.fromEntries(readdirSync(SOURCES).map((file) => [file, readFileSync(join(SOURCES, file))])), ...more });
  }

  /** Each client does what it says, one after the other, unless they wait; the last one's end is the appliance's. */
  async run(parties: Readonly<Record<string, Party>>, { args = "{}", files = "{}", others = {}, options = {} }: Setting = {}): Promise<Said> {
    const names = Object.keys(parties);
    const components = Object.entries(parties).map(([name, { does, image = "[client.c, script.c, things.c]", priority, cpu, bank = "common", more = "" }], i) => {
      const uses = "console: console.console, bank: bank.BANK, constructor: constructor.constructor, product: programs.product, needs: programs.needs, times: { from: times.times, rights: [call, grant] }".replace("BANK", bank);
      const time = cpu ?? `{ priority: ${priority ?? 150 - i} }`;
      return [name, `{ image: { c: ${image} }, memory: 2MiB, slots: 4096, use: { ${uses} }, args: { do: ${JSON.stringify(does)} }, cpu: ${time}${i === names.length - 1 ? ", essential: true" : ""}${more} }`] as const;
    });
    const servers = {
      times: "{ image: { c: times.c }, use: { time: platform.cpu.time }, offer: { times: Times }, cpu: { priority: 195 } }",
      bank: `{ image: { server: bank }, memory: 16MiB, slots: 16384, cpu: { priority: 190 }, offer: { common: Bank, other: Bank, files: Bank }, args: { files: ${files} } }`,
      constructor: `{ image: { server: constructor }, memory: 2MiB, slots: 8192, cpu: { priority: 180 }, use: { bank: bank.files }, offer: { constructor: Constructor }, args: ${args} }`,
    };
    writeFileSync(join(this.#folder.path, "appliance.yaml"), manifestWith({ ...servers, ...Object.fromEntries(components), ...others }).replace("components:\n", `${PROGRAMS}components:\n`));
    const run = await runAppliance(this.#folder.path, { limitMs: 120_000, ...options });
    const all = run.output.trimEnd().split("\n");
    return {
      all,
      run,
      of: (party) => all.filter((line) => line.startsWith(`${party}: `)).map((line) => line.slice(party.length + 2)),
      faults: run.events.filter(({ event }) => event === "fault"),
    };
  }

  [Symbol.dispose](): void {
    this.#folder[Symbol.dispose]();
  }
}

/** A line of a script, and what comes of it. */
export type Line = readonly [line: string, answer: string];
export const scriptOf = (lines: readonly Line[]): string[] => lines.map(([line]) => line);
export const told = (lines: readonly Line[]): string[] => lines.map(([line, answer]) => `${line}: ${answer}`);

/** A segment's fields, in the program headers of the tests' products. The first is no segment of memory. */
function segment(number: number) {
  const at = 64 + 56 * number;
  return { type: at, flags: at + 4, offset: at + 8, address: at + 16, fileBytes: at + 32, bytes: at + 40 };
}
/** Where fields of an ELF file are. */
export const ELF = { header: { type: 16, machine: 18, entry: 24, segments: 32, sections: 40, segmentCount: 56, sectionCount: 60, names: 62 }, text: segment(1), constants: segment(2), data: segment(3) };

const hex = (address: number): string => `0x${address.toString(16)}`;
/** Addresses of products, as scripts say them. */
export const BW_ADDRESS = {
  TEXT: hex(AddressMap.TEXT), START: hex(AddressMap.TEXT - 8192), ARGUMENTS: hex(AddressMap.ARGUMENTS), DATA: hex(AddressMap.ARGUMENTS + 4096), REGIONS: hex(AddressMap.REGIONS), OWN: hex(AddressMap.OWN),
};
