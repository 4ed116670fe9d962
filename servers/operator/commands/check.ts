// bailiwick check: the manifest alone. Nothing is built or started.
import { describeClaim } from "../../../caps/graph/assertions.ts";
import { FACULTIES } from "../../../caps/image/faculties.ts";
import { MIN_SLOTS, type ResolvedUse } from "../../../caps/image/system.ts";
import { formatQuota, formatSize } from "../../../caps/manifest/units.ts";
import { loadManifest } from "../load.ts";
import { onlyTarget, parseOptions, type Command } from "./command.ts";

export const check: Command = {
  summary: "say whether a manifest is right, and what it comes to",
  help: `Usage: bailiwick check [--json] [DIR | MANIFEST]

Reads the manifest and everything it names, and prints each component with what it
may use, and each of the manifest's claims ('assert'), which hold however hostile the
programs are. --json prints the whole resolved system. Exit status 1 when the manifest is
wrong: every error is shown with its place, cause and fix; 4 when a claim does not hold:
the shortest way that breaks it is shown.`,
  async run(args) {
    const { values, positionals } = parseOptions(args, { json: { type: "boolean" } });
    const { system, programs, carried } = loadManifest(onlyTarget(positionals)).resolution;
    if (values.json === true) {
      process.stdout.write(`${JSON.stringify(system, undefined, 2)}\n`);
      return 0;
    }
    const confined = new Set(programs.flatMap((order) => (order.confined ? [order.component] : [])));
    const lines = [`${system.name} ${system.version} on ${system.board}, ${formatSize(system.memory)}`];
    for (const { name, program, memory, slots, cpu, uses, offers, essential, restart, guest } of system.components) {
      const kind = guest === undefined ? (program.kind === "machine" ? "machine program" : "hosted program") : "guest";
      const more = [...(confined.has(name) ? ["confined"] : []), ...(essential ? ["essential"] : []), ...(restart === undefined ? [] : [`started again ${RESTARTED[restart.on]}`])];
      const room = [formatSize(memory), ...(slots > MIN_SLOTS ? [`${slots} slots`] : [])];
      lines.push(`  ${name}: ${[kind, ...room, `priority ${cpu.priority}`, ...more].join(", ")}`);
      for (const offer of offers) lines.push(`    offers ${offer.name}: ${offer.protocol}`);
      for (const use of uses) {
        lines.push(`    uses ${use.name}: ${sourceOf(use)}`);
      }
    }
    for (const { name, users, ...program } of carried) lines.push(`  ${name}: program${program.confined ? ", confined" : ""}, ${users.length === 0 ? "used by no component" : `read by ${users.join(", ")}`}`);
    for (const faculty of system.denied ?? []) lines.push(`  its operator may not ${FACULTIES[faculty]} (${faculty})`);
    for (const claim of system.assertions) lines.push(`  holds: ${describeClaim(claim)}`);
    process.stdout.write(`${lines.join("\n")}\n`);
    return 0;
  },
};

const RESTARTED = { fault: "when it faults", exit: "when it exits", always: "whenever it ends", order: "when who controls it wants that" } as const;

function sourceOf(use: ResolvedUse): string {
  switch (use.kind) {
    case "endpoint":
      return use.quota === undefined ? use.from : `${use.from}, at most ${formatQuota(use.quota)}`;
    case "ram":
      return formatSize(use.bytes);
    case "file":
      return use.file;
    case "vcpu":
      return "a virtual CPU";
    case "schedcontrol":
      return "the right to hand out CPU time";
    case "guest":
      return `guests.${use.guest}.${use.facet}`;
    default:
      return `${use.device} (${use.kind})`;
  }
}
