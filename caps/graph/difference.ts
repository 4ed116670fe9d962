// What another version of a system changes, the most important first: who holds what, who could come to hold what, what is claimed; then everything else about its components.
import { canonicalText } from "../image/canonical.ts";
import { extentOf, type ComponentReport, type Held, type SystemReport } from "./report.ts";

export interface Change {
  readonly of: "capability" | "worst case" | "claim" | "component" | "setting";
  readonly sign: "+" | "-" | "~";
  /** The component, where it is one's. */
  readonly component?: string;
  readonly says: string;
}

type Settings = Readonly<Record<string, string | number | boolean>>;

const ORDER: readonly Change["of"][] = ["capability", "worst case", "claim", "component", "setting"];

export function differences(before: SystemReport, after: SystemReport): readonly Change[] {
  const names = [...new Set([...before.components, ...after.components].map(({ name }) => name))];
  const changes = [
    ...names.flatMap((name) => componentChanges(name, before.components.find((one) => one.name === name), after.components.find((one) => one.name === name))),
    ...listed("claim", before.claims, after.claims),
    ...settings(undefined, { name: before.name, version: before.version, board: before.board, memory: before.memory }, { name: after.name, version: after.version, board: after.board, memory: after.memory }),
  ];
  return ORDER.flatMap((of) => changes.filter((change) => change.of === of));
}

function componentChanges(component: string, before: ComponentReport | undefined, after: ComponentReport | undefined): Change[] {
  const changes = [
    ...held("capability", component, before?.holds ?? [], after?.holds ?? [], "holds"),
    ...held("worst case", component, before?.worstCase ?? [], after?.worstCase ?? [], "could come to hold"),
  ];
  if (before === undefined) changes.push({ of: "component", sign: "+", component, says: `${component} is new: ${after?.kind}` });
  else if (after === undefined) changes.push({ of: "component", sign: "-", component, says: `${component} is gone` });
  else changes.push(...settings(component, settingsOf(before), settingsOf(after)));
  return changes;
}

function held(of: "capability" | "worst case", component: string, before: readonly Held[], after: readonly Held[], verb: string): Change[] {
  const was = new Map(before.map((one) => [one.thing, extentOf(one)])), is = new Map(after.map((one) => [one.thing, extentOf(one)]));
  return [...new Set([...was.keys(), ...is.keys()])].sort().flatMap((thing): Change[] => {
    const [old, fresh] = [was.get(thing), is.get(thing)];
    if (old === fresh) return [];
    if (old === undefined) return [{ of, sign: "+", component, says: `${component} ${verb} ${thing} ${fresh}` }];
    if (fresh === undefined) return [{ of, sign: "-", component, says: `${component} ${verb} ${thing} ${old} no more` }];
    return [{ of, sign: "~", component, says: `${component} ${verb} ${thing} ${fresh}, before ${old}` }];
  });
}

function listed(of: "claim", before: readonly string[], after: readonly string[]): Change[] {
  return [
    ...before.filter((entry) => !after.includes(entry)).map((entry): Change => ({ of, sign: "-", says: `no more: ${entry}` })),
    ...after.filter((entry) => !before.includes(entry)).map((entry): Change => ({ of, sign: "+", says: entry })),
  ];
}

function settingsOf({ holds: _holds, worstCase: _worst, couldShareWith: _share, name: _name, offers, cpu, args, ...plain }: ComponentReport): Settings {
  return { ...plain, args: canonicalText(args), cpu: `${cpu[0]} of ${cpu[1]} us`, offers: offers.map(({ name, protocol, gives }) => `${name}: ${protocol}${gives ? " (gives)" : ""}`).join(", ") || "none" };
}

function settings(component: string | undefined, before: Settings, after: Settings): Change[] {
  const whose = component === undefined ? {} : { component }, prefix = component === undefined ? "" : `${component}: `;
  return Object.keys(after).flatMap((key): Change[] => (before[key] === after[key] ? [] : [{ of: "setting", sign: "~", ...whose, says: `${prefix}${key} ${after[key]}, before ${before[key]}` }]));
}
