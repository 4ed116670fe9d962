// The benchmark `check`: a manifest of a thousand components with ten thousand capabilities and a hundred claims, from its text to the answer that all of them hold;
// beside it, what reading the same text as YAML takes alone. Everybody runs it once and in a process of its own: so each round is in a new one, cold.
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseDocument } from "yaml";
import { checkAssertions } from "../../caps/graph/assertions.ts";
import { authorityGraph } from "../../caps/graph/authority.ts";
import { formatDiagnostics, type Result } from "../../caps/manifest/diagnostic.ts";
import { parseManifest } from "../../caps/manifest/parse.ts";
import { resolveSystem } from "../../caps/manifest/resolve.ts";
import { findPackage } from "../../servers/operator/package.ts";
import { kitResources } from "../../servers/operator/resources.ts";
import { largeManifest } from "../support/large-manifest.ts";
import type { Benchmark, Options } from "./benchmark.ts";
import type { Figure } from "./figure.ts";
import { startWorker, work } from "./workers.ts";

const SIZE = { components: 1000, uses: 10, claims: 100 }, LEAST_EDGES = 9000;
const ROUNDS = 9, QUICK_ROUNDS = 2, LIMIT_MS = 1000;
const YAML = "reading the same text as YAML", PART = "a part of `check`";

interface Took {
  readonly parse: number;
  readonly resolve: number;
  readonly claims: number;
}

export const checkRoles: ReadonlyMap<string, () => void> = new Map([
  ["check.all", () => work<object, Took>(checkOnce)],
  ["check.yaml", () => work<object, number>(readOnce)],
]);

function timed<T>(doIt: () => T): readonly [result: T, ms: number] {
  const before = performance.now(), result = doIt();
  return [result, performance.now() - before];
}

function must<T>(result: Result<T>): T {
  if (!result.ok) throw new Error(formatDiagnostics(result.diagnostics.slice(0, 1)));
  return result.value;
}

function checkOnce(): Took {
  const text = largeManifest(SIZE), resources = kitResources(findPackage(), new Map());
  const [parsed, parse] = timed(() => must(parseManifest(text, "large")));
  const [{ system }, resolve] = timed(() => must(resolveSystem(parsed, resources)));
  const [[graph, broken], claims] = timed(() => {
    const made = authorityGraph(system);
    return [made, checkAssertions(made, system.assertions)] as const;
  });
  const edges = graph.authorities.filter(({ holder, server }) => holder !== server).length;
  if (broken.length > 0 || edges < LEAST_EDGES || system.components.length !== SIZE.components) throw new Error(`another system than was meant: ${edges} capabilities, ${broken.length} claims do not hold`);
  return { parse, resolve, claims };
}

function readOnce(): number {
  const text = largeManifest(SIZE);
  const [read, ms] = timed(() => parseDocument(text, { prettyErrors: false }).toJS() as { readonly components: object });
  if (Object.keys(read.components).length !== SIZE.components) throw new Error("it was read as something else");
  return ms;
}

async function ask<A>(role: string): Promise<A> {
  const worker = startWorker<object, A>(role);
  try {
    return await worker.ask({});
  } finally {
    worker.close();
  }
}

/** The command as users have it, from its start to its end. */
function runCommand(manifest: string): number {
  const [{ status, stderr }, ms] = timed(() => spawnSync(process.execPath, [join(findPackage().root, "dist", "cli.js"), "check", manifest], { encoding: "utf8", maxBuffer: 2 ** 26 }));
  if (status !== 0) throw new Error(`bailiwick check: ${stderr}`);
  return ms;
}

export const check: Benchmark = {
  name: "check",
  summary: "a manifest of a thousand components: read, resolved, its claims checked",
  async measure({ quick, say }: Options) {
    const folder = mkdtempSync(join(tmpdir(), "bailiwick-bench-")), manifest = join(folder, "appliance.yaml");
    const took: Took[] = [], yaml: number[] = [], command: number[] = [], rounds = quick ? QUICK_ROUNDS : ROUNDS;
    try {
      writeFileSync(manifest, largeManifest(SIZE));
      for (let round = 1; round <= rounds; round++) {
        say(`check: round ${round} of ${rounds}`);
        yaml.push(await ask("check.yaml"));
        took.push(await ask("check.all"));
        command.push(runCommand(manifest));
      }
    } finally {
      rmSync(folder, { recursive: true });
    }
    const part = (name: keyof Took): Figure => ({ name: `check.${name}`, unit: "ms", values: took.map((each) => each[name]), peers: null, against: PART });
    return [
      { name: "check", unit: "ms", values: took.map(({ parse, resolve, claims }) => parse + resolve + claims), peers: yaml, against: YAML, limit: LIMIT_MS },
      part("parse"),
      part("resolve"),
      part("claims"),
      { name: "check.command", unit: "ms", values: command, peers: yaml, against: YAML },
    ];
  },
};
