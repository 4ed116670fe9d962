// What a `quota` of a use comes to: what its server is told of this client, if it is one of the kit's that keeps such a quota, and has the clock for it.
import type { ResolvedUse } from "../image/system.ts";
import { QUOTA_KINDS, type Quota, type QuotaKind } from "../protocol/protocol.ts";
import { DiagnosticCode } from "./diagnostic.ts";
import type { Draft } from "./drafts.ts";
import type { Report } from "./report.ts";
import type { Resources } from "./resources.ts";
import type { Path } from "./source.ts";
import { formatQuota, type Share } from "./units.ts";

type EndpointUse = Extract<ResolvedUse, { kind: "endpoint" }>;

/** Whose quota it is, and of what. */
export interface Quoted {
  readonly draft: Draft;
  readonly from: Draft;
  /** As the manifest names it: COMPONENT.OFFER. */
  readonly what: string;
  readonly protocol: string;
  readonly at: Path;
  /** What the component uses of it already. */
  readonly same: readonly EndpointUse[];
}

/** To the server both are one client. */
export const isSameClient = (use: ResolvedUse, server: string, badge: number): use is EndpointUse => use.kind === "endpoint" && use.from === server && use.badge === badge;

export const noQuota = (report: Report, at: Path, what: string, fix: string): void =>
  report.add({ code: DiagnosticCode.noQuota, at, message: `${what} keeps no quota`, cause: "would be heard by nobody", fix });

const LIKE: Readonly<Record<QuotaKind, string>> = { perSecond: "100/s", bytesPerSecond: "2MiB/s", bytes: "64MiB" };

/** What the shares are together; what is wrong with them goes into the report. */
export function quotaOf(shares: readonly Share[], { draft, from, what, protocol, at, same }: Quoted, resources: Resources, report: Report): Quota {
  const quota = Object.fromEntries(shares.map(({ kind, amount }) => [kind, amount])) as Quota;
  const refuse = (message: string, cause: string, fix?: string): void => report.add({ code: DiagnosticCode.noQuota, at, message, cause, ...(fix === undefined ? {} : { fix }) });
  const keeping = resources.protocols.get(protocol)?.quota;
  if (keeping === undefined || from.image.kind !== "server" || !keeping.by.includes(from.image.name)) {
    const others = from.image.kind === "server" ? (keeping?.by ?? []) : [];
    noQuota(report, at, `'${what}'`, others.length > 0 ? `leave it out, or put a server between the two that keeps one: ${others.join(" or ")}` : "leave it out; a server of your own takes what it needs to know from its args");
    return quota;
  }
  const { counts: kept, clock } = keeping;
  const unkept = shares.filter(({ kind }) => kept[kind] === undefined);
  const kinds = QUOTA_KINDS.flatMap((kind) => (kept[kind] === undefined ? [] : [`${LIKE[kind]} (${kept[kind]})`]));
  const other = same.find((use) => use.quota === undefined || formatQuota(use.quota) !== formatQuota(quota));
  if (unkept.length > 0) refuse(`'${what}' keeps no quota like ${unkept.map(({ kind }) => LIKE[kind]).join(", ")}`, "would be heard by nobody", `say it as ${kinds.join(" or ")}`);
  else if (shares.length > Object.keys(quota).length) refuse(`'${draft.name}' has two quotas of one kind for '${what}'`, "says the same thing twice", "leave one out");
  else if (clock !== undefined && !from.wanted.some(({ name }) => name === clock)) refuse(`'${from.name}' has no clock to keep a quota by`, "would be heard by nobody", `add a '${clock}' to ${from.path.join(".")}.use, such as '${clock}: timer.timer'`);
  else if (other !== undefined) refuse(`'${draft.name}' uses '${what}' twice, with different quotas`, `differs from that of '${other.name}': to the server both are one client`);
  return quota;
}
