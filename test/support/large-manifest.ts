// A manifest as large as anybody will write one, with claims that hold, so that none is done before all has been looked at. The same sizes give the same text.
//
// The first components are the drivers' class, who pass capabilities among each other; all others speak to each other by data, to whomever stands before them,
// and pass capabilities within their ten.

export interface Size {
  readonly components: number;
  /** Capabilities of each component, of others before it. */
  readonly uses: number;
  readonly claims: number;
}

/** Devices that a component can have to itself. */
const DEVICES = ["uart0.regs", "rng0.regs", "blk0.iospace", "alarm0.regs"];
const DRIVERS = 40, TEN = 10;

export function largeManifest({ components, uses, claims }: Size): string {
  let seed = 1;
  const random = (most: number): number => (seed = (seed * 48271) % 2147483647) % most;
  const lines = ["apiVersion: bailiwick/1", "kind: Appliance", "name: large", "version: 0.1.0", "platform: { board: virt-rv64, memory: 512MiB }", "components:"];
  for (let i = 0; i < components; i++) {
    const first = i < DRIVERS ? 0 : DRIVERS, most = Math.min(i - first, uses), device = DEVICES[i];
    const used = new Set(i % TEN === 0 || most === 0 ? [] : [i - 1]);
    for (let tries = 0; used.size < most && tries < 3 * uses; tries++) used.add(first + random(i - first));
    for (let other = i - 1; used.size < most; other--) used.add(other);
    lines.push(`  c${i}:`, `    image: { c: c${i}.c }`, "    memory: 128KiB", `    use:${most === 0 && device === undefined ? " {}" : ""}`);
    for (const other of used) lines.push(Math.floor(other / TEN) === Math.floor(i / TEN) ? `      u${other}: { from: c${other}.it, rights: [call, grant] }` : `      u${other}: c${other}.it`);
    if (device !== undefined) lines.push(`      device: platform.${device}`);
    lines.push(`    offer: { it: { protocol: P, gives: ${i < DRIVERS} } }`);
    if (i === components - 1) lines.push("    essential: true");
  }
  lines.push("assert:");
  for (let i = 0; i < claims; i++) lines.push(claim(i, components - 1 - i));
  return `${lines.join("\n")}\n`;
}

/** One of each kind in turn, each with a trust of its own. */
function claim(i: number, late: number): string {
  const trusting = `trusting: [c${DRIVERS + i}]`;
  switch (i % 4) {
    case 0:
      return `  - no-path: { from: c${late}, to: platform.uart0, ${trusting} }`;
    case 1:
      return `  - max-rights: { of: c${late}, on: c${late - 200}, rights: [call], ${trusting} }`;
    case 2:
      return `  - only-holders: { of: platform.rng0, are: [${Array.from({ length: DRIVERS }, (_, j) => `c${j}`).join(", ")}], ${trusting} }`;
    default:
      return `  - flows-only-via: { from: c${late}, to: platform.blk0, via: [], ${trusting} }`;
  }
}
