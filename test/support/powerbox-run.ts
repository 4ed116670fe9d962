// An appliance with a powerbox on a file server, and an operator to type with: what he sees is the terminal as text, a line for each line with its label.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { applianceFolder, type Line, type Run, type RunOptions, runAppliance, until } from "./appliance-run.ts";

const FOLDER = join(import.meta.dirname, "../integration/powerbox");
const CLIENT = readFileSync(join(FOLDER, "client.c"));
const FILLER = readFileSync(join(FOLDER, "filler.c"));

export interface Party {
  readonly does?: readonly string[];
  readonly purpose?: string;
  readonly name?: string;
  /** Another program than test/integration/powerbox/client.c, what else it uses, and its own args. */
  readonly image?: string;
  readonly use?: string;
  readonly mode?: string;
}

export interface Box {
  readonly files?: readonly string[];
  readonly clients: Readonly<Record<string, Party>>;
  readonly programs?: Readonly<Record<string, string>>;
  /** The console's. */
  readonly args?: string;
  /** What the powerbox may do with its directory. */
  readonly rights?: string;
  /** Where it has its directory from, if not from the file server; and other components. */
  readonly from?: string;
  readonly more?: Readonly<Record<string, string>>;
}

/** The operator: types, and waits for what is shown behind what he has typed last. */
export class Operator {
  readonly line: Line;
  #from = 0;

  constructor(line: Line) {
    this.line = line;
  }

  /** All that was shown, and what was since he typed: without escape sequences, and without the labels of the powerbox's lines. */
  get seen(): string {
    return plain(this.line.output);
  }
  get shown(): string {
    return plain(this.line.output.slice(this.#from));
  }
  /** What a program has said: in its own lines, behind its label and its name. */
  said(name: string): readonly string[] {
    const begin = `${name} ${name}: `;
    return this.seen.split("\n").filter((line) => line.startsWith(begin)).map((line) => line.slice(begin.length));
  }
  async sees(text: string): Promise<void> {
    await until(`the terminal shows ${JSON.stringify(text)} and not ${JSON.stringify(this.shown.slice(-300))}`, () => this.shown.includes(text), 30_000);
  }
  /** At any time. */
  async hears(name: string, text: string): Promise<void> {
    await until(`${name} says ${JSON.stringify(text)} and not ${JSON.stringify(this.said(name))}`, () => this.said(name).includes(text), 30_000);
  }
  /** The line, and what it brings; what was shown before does not count any more. */
  async types(text: string, ...shows: readonly string[]): Promise<void> {
    this.#from = this.line.output.length;
    this.line.type(`${text}\n`);
    for (const show of shows) await this.sees(show);
  }
}

/** Without the console's escape sequences, and the powerbox's label. */
const plain = (output: string): string => output.replaceAll("\u001b[7mpowerbox\u001b[0m ", "").split("\u001b").map((part, i) => (i === 0 ? part : part.replace(/^(\[[0-9;]*[a-zA-Z]|.)/, ""))).join("");

/** Runs it to the end of `during`, which begins when the files are there. */
export async function withPowerbox({ files = ["notes=tea", "list=milk", "docs/plan=secret", "docs/deep/well=water"], clients, programs = {}, args = "{ show: lines, focus: powerbox }", rights = "rwa", from = "fs.box", more: others = {} }: Box, during: (operator: Operator, ended: () => Promise<void>) => Promise<void>, options: RunOptions = {}): Promise<Run> {
  const parties = Object.entries(clients).map(([name, { does = [], purpose, name: suggested, image = "{ c: client.c }", use = "", mode }]) => {
    const args = JSON.stringify({ ...(does.length === 0 ? {} : { do: does }), ...(purpose === undefined ? {} : { purpose }), ...(suggested === undefined ? {} : { name: suggested }), ...(mode === undefined ? {} : { mode }) });
    return `  ${name}: { image: ${image}, use: { console: console.console, powerbox: powerbox.ask${use} }, args: ${args} }\n`;
  });
  using folder = applianceFolder({
    "appliance.yaml": `apiVersion: bailiwick/1
kind: Appliance
name: powerbox
version: 0.1.0
platform: { board: virt-rv64, memory: 128MiB, disks: { blk0: { mode: memory, size: 8MiB } } }
components:
  console: { image: { server: console }, cpu: { priority: 200 }, use: { regs: platform.uart0.regs, irq: platform.uart0.irq }, offer: { console: Console }, args: ${args}, essential: true }
  timer: { image: { server: timer }, cpu: { priority: 195 }, use: { regs: platform.alarm0.regs, irq: platform.alarm0.irq }, offer: { timer: Timer } }
  blk: { image: { server: blk }, cpu: { priority: 190 }, use: { regs: platform.blk0.regs, irq: platform.blk0.irq, iospace: platform.blk0.iospace }, offer: { disk: BlockDriver } }
  block: { image: { server: block }, memory: 32MiB, cpu: { priority: 180 }, use: { disk: blk.disk }, offer: { store: Block } }
  fs: { image: { server: fs }, memory: 24MiB, cpu: { priority: 150 }, use: { disk: block.store, timer: timer.timer }, offer: { home: File, box: File }, args: { format: 1, home: { directory: home }, box: { directory: home, rights: ${rights} } } }
  filler: { image: { c: filler.c }, use: { console: console.console, home: fs.home }, args: ${JSON.stringify({ files })} }
  powerbox: { image: { server: powerbox }, cpu: { priority: 140 }, use: { console: console.console, files: ${from} }, offer: { ask: Powerbox } }
${parties.join("")}${Object.entries(others).map(([name, body]) => `  ${name}: ${body}\n`).join("")}`,
    "client.c": CLIENT,
    "filler.c": FILLER,
    ...programs,
  });
  return await runAppliance(folder.path, {
    limitMs: 90_000,
    ...options,
    async during(_system, line, ended) {
      await until("the files are there", () => line.output.includes("filled\n"), 30_000);
      await during(new Operator(line), ended);
    },
  });
}

/** What the powerbox has told the operator's log. */
export const logged = ({ events }: Run): readonly unknown[] => events.filter(({ event, component }) => event === "log" && component === "powerbox").map(({ text }) => text);
