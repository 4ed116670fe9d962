// The manifest's assertions: their names looked up, and each tried against the authority graph of the resolved system.
import { checkAssertions } from "../graph/assertions.ts";
import type { AuthorityGraph } from "../graph/authority.ts";
import type { Assertion } from "../image/assertion.ts";
import { carriedName } from "../image/files.ts";
import { GUEST_FACETS, type ResolvedSystem } from "../image/system.ts";
import { DiagnosticCode } from "./diagnostic.ts";
import type { Report } from "./report.ts";
import type { Board } from "./resources.ts";
import type { ManifestAssertion } from "./schema.ts";
import type { Path } from "./source.ts";
import { RIGHT_BITS } from "./wiring.ts";

/** Components and things that an assertion may name. */
interface Names {
  readonly components: ReadonlySet<string>;
  readonly things: ReadonlySet<string>;
}

/** Every name in them must be of something: an assertion about nothing would hold always. */
export function resolveClaims(claims: readonly ManifestAssertion[], system: ResolvedSystem, board: Board, report: Report): readonly Assertion[] {
  const names = namesOf(system, board);
  return claims.map((claim, index): Assertion => {
    const at = ["assert", index, claim.kind];
    const component = (name: string, ...where: Path): void => void (names.components.has(name) || report.unknown([...at, ...where], "component", name, names.components));
    const thing = (name: string, ...where: Path): void => void (names.things.has(name) || report.unknown([...at, ...where], "component, offer or device", name, names.things));
    claim.trusting.forEach((name, i) => component(name, "trusting", i));
    switch (claim.kind) {
      case "no-path":
        claim.from.forEach((name, i) => component(name, "from", ...(claim.from.length > 1 ? [i] : [])));
        thing(claim.to, "to");
        return claim;
      case "only-holders":
        claim.are.forEach((name, i) => component(name, "are", i));
        thing(claim.of, "of");
        return claim;
      case "confined":
        component(claim.component, "component");
        claim.holes.forEach((name, i) => thing(name, "holes", i));
        return claim;
      case "max-rights":
        component(claim.of, "of");
        thing(claim.on, "on");
        return { ...claim, rights: claim.rights.reduce((bits, right) => bits | RIGHT_BITS[right], 0) };
      case "flows-only-via":
        claim.via.forEach((name, i) => component(name, "via", i));
        place(claim.from, "from");
        place(claim.to, "to");
        return claim;
    }

    /** Data is in components and devices, not in a part of either. */
    function place(name: string, where: string): void {
      if (names.components.has(name) || name === "platform" || (names.things.has(name) && /^platform\.[^.]+$/.test(name))) return;
      if (names.things.has(name)) report.add({ code: DiagnosticCode.wrongValue, at: [...at, where], message: `'${name}' is a part of something`, cause: "must be a component, platform.DEVICE or platform: data is in the whole of it" });
      else report.unknown([...at, where], "component or device", name, names.things);
    }
  });
}

function namesOf(system: ResolvedSystem, board: Board): Names {
  const components = new Set(system.components.map(({ name }) => name));
  const devices = [...board.devices].flatMap(([name, { irq, dma }]) => [`platform.${name}`, `platform.${name}.regs`, ...(irq === undefined ? [] : [`platform.${name}.irq`]), ...(dma ? [`platform.${name}.iospace`] : [])]);
  const files = new Set(system.components.flatMap(({ uses }) => uses.flatMap((use) => (use.kind === "file" ? [carriedName(use.file)] : []))));
  const programs = [...files].flatMap((name) => (name === undefined ? [] : [`programs.${name}`]));
  const offers = system.components.flatMap(({ name, offers }) => offers.map((offer) => `${name}.${offer.name}`));
  const guests = system.components.flatMap(({ guest }) => (guest === undefined ? [] : [`guests.${guest}`, ...GUEST_FACETS.map((facet) => `guests.${guest}.${facet}`)]));
  return { components, things: new Set([...components, ...offers, ...guests, "platform", ...devices, "platform.cpu.time", "platform.measurements", "platform.secret", ...programs]) };
}

/** Each broken one is shown at its place in the manifest, with the way that breaks it. */
export function reportBroken(graph: AuthorityGraph, assertions: readonly Assertion[], report: Report): void {
  for (const { index, says, path } of checkAssertions(graph, assertions)) {
    const { kind } = assertions[index] ?? { kind: "" };
    report.add({
      code: DiagnosticCode.broken,
      at: ["assert", index],
      message: `${kind} does not hold: ${says}`,
      cause: path.map((step) => step.says).join("; ") || "it has it from the start",
      ...fixFor(path.length),
    });
  }
}

const fixFor = (steps: number): { readonly fix?: string } => (steps < 2 ? {} : { fix: "take a step out of that way (fewer rights, 'gives: false' in an offer), or say whom the claim trusts: trusting: [...]" });
