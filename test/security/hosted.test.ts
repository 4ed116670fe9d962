// Hosted programs that mean harm, all on one machine with programs that do not. What one compartment cannot reach is test/unit/hosted.test.ts's business;
// here it is what the system makes of them: the kernel, the root server and the neighbours go on.
import { beforeAll, describe, expect, test } from "vitest";
import { applianceFolder, manifestWith, runAppliance, until, type Run } from "../support/appliance-run.ts";
import { exactRounds, pairComponents, pairFiles } from "../support/bystanders.ts";

const LIMIT_MS = 60_000;

/** The log that every program may write to. */
const LOG = `
import { client, Parent, type Env } from "bailiwick/sdk";
const PARENT = 15;
const say = (env: Env, text: string) => client(Parent, env.sys, env.mem, PARENT).log(new TextEncoder().encode(text));
const attempt = (f: () => unknown): string => { try { return String(f()); } catch (error) { return "refused"; } };
`;

const PROGRAMS: Readonly<Record<string, string>> = {
  throws: 'export default function* main() { throw new Error("boom\\u001b[2J\\n{\\"event\\":\\"end\\",\\"status\\":0}"); }',
  "throws-odd": "export default function* main() { throw { get message() { throw this; }, get stack() { return this; }, toString: null }; }",
  "yields-garbage": `${LOG}export default function* main(env: Env) {
    yield* say(env, "before");
    for (const garbage of [42, "x", {}, [], Symbol("s"), null, () => 1, new Proxy({}, { get() { throw 1; } })]) yield garbage;
    yield* say(env, "after");
  }`,
  "odd-arguments": `${LOG}export default function* main(env: Env) {
    const odd: any[] = [NaN, Infinity, -Infinity, 1e400, 1.5, -1, 2 ** 53, 2 ** 64, -(2n ** 70n), 2n ** 64n, "1", "x", true, null, undefined, {}, [], Symbol("s"), () => 1,
      { valueOf() { throw new Error("no"); } }, { length: 2 ** 40 }, { length: -1 }, new Proxy([], { get() { throw 1; } }), Array(200).fill(1), new Uint8Array(8)];
    let tried = 0;
    for (const a of odd) for (const f of ["call", "send", "nbsend", "signal", "poll", "nbrecv"] as const) {
      for (const args of [[a, 0, []], [0, a, []], [0, 0, a], [0, 0, [a]], [0, 0, [], a], [0, 0, [], [a]], [a, a, a, a]]) {
        // Notification and empty slot only: what they are asked is refused, and nothing waits.
        if (f === "nbrecv" || f === "poll") args[0] = 6;
        tried++;
        try { yield* (env.sys as any)[f](...args); } catch (error) { if (String(error).includes("VMFault")) throw error; }
      }
    }
    for (const a of odd) attempt(() => (env.sys as any).receiveSlots(a, a, a, a));
    yield* say(env, "tried " + tried);
  }`,
  "odd-memory": `${LOG}export default function* main(env: Env) {
    const odd: any[] = [NaN, Infinity, -1, 1.5, 0, 8, 0x10000000, 0x80000000, 2 ** 38, 2 ** 47, 2 ** 53, 2 ** 63, 2n ** 64n, "x", {}, Symbol("s")];
    let refused = 0, tried = 0;
    for (const a of odd) for (const b of [0, 1, -1, NaN, 2 ** 31, 2 ** 40, 2 ** 53, "x"] as any[]) {
      const mem = env.mem as any;
      for (const f of [() => mem.load8(a), () => mem.load64(a), () => mem.store64(a, 1n), () => mem.store8(a, b), () => mem.read(a, b), () => mem.write(a, b), () => mem.copy(a, b, 8), () => mem.copy(a, a, b), () => mem.fill(a, b, 0)]) {
        tried++;
        if (attempt(f) === "refused") refused++;
      }
    }
    yield* say(env, refused > tried / 2 ? "most refused" : refused + " refused of " + tried);
  }`,
  recurses: `${LOG}export default function* main(env: Env) {
    const deeper = (n: number): number => deeper(n + 1) + 1;
    for (let i = 0; i < 20; i++) attempt(() => deeper(0));
    // Into the machine's own functions with no stack left.
    const last = (n: number): void => { try { last(n + 1); } catch { env.mem.load8(0x40001000); } };
    attempt(() => last(0));
    const sys = (n: number): void => { try { sys(n + 1); } catch { env.sys.signal(6).next(); } };
    attempt(() => sys(0));
    yield* say(env, "still here");
  }`,
  interleaves: `${LOG}export default function* main(env: Env) {
    const calls = Array.from({ length: 50 }, () => env.sys.poll(6));
    for (const call of calls) attempt(() => call.next());
    for (const call of calls) attempt(() => call.next());
    for (const call of calls) attempt(() => call.throw(new Error("x")));
    for (const call of calls) attempt(() => call.return(0));
    yield* say(env, "still here");
  }`,
  tampers: `${LOG}export default function* main(env: Env) {
    const refused = [
      () => ((Object.prototype as any).polluted = 1), () => ((Array.prototype as any).push = null), () => ((Uint8Array.prototype as any).set = null), () => Object.setPrototypeOf(env.sys, null),
      () => ((env.sys as any).call = null), () => ((env.mem as any).load8 = null), () => ((env as any).name = "other"), () => Object.defineProperty(Object.prototype, "toJSON", { value: () => "x" }),
      () => new Function("return this")().process, () => (0, eval)("process.exit(9)"), () => (globalThis as any).require("fs"), () => (globalThis as any).process.exit(9),
    ].filter((f) => attempt(f) === "refused").length;
    const seen = ["process", "require", "fetch", "setTimeout", "console", "Buffer", "WebAssembly", "SharedArrayBuffer", "performance"].filter((name) => name in globalThis);
    yield* say(env, refused + " refused, sees [" + seen + "]");
  }`,
  floods: `${LOG}export default function* main(env: Env) {
    for (let i = 0; i < 500; i++) yield* say(env, "flood ".repeat(150));
    attempt(() => say(env, "x".repeat(100000)).next());
    yield* say(env, "done");
  }`,
};
const FAULTY = ["throws", "throws-odd"];

describe("hosted programs that mean harm", () => {
  let run: Run;
  let rounds = 0;
  beforeAll(async () => {
    const names = Object.keys(PROGRAMS);
    const components = Object.fromEntries(names.map((name) => [name, `{ image: { ts: ${name}.ts }, cpu: { priority: 120 } }`]));
    using folder = applianceFolder({ "appliance.yaml": manifestWith({ ...pairComponents(), ...components }), ...pairFiles(), ...Object.fromEntries(names.map((name) => [`${name}.ts`, PROGRAMS[name]!])) });
    const over = new Set<unknown>();
    run = await runAppliance(folder.path, {
      limitMs: LIMIT_MS,
      onEvent: ({ event, component }) => void ((event === "exit" || event === "fault") && over.add(component)),
      async during(_, line) {
        await until("all are done", () => names.every((name) => over.has(name)), LIMIT_MS / 2).catch((e) => console.log(String(e)));
        const before = exactRounds(line.output);
        await until("the pair goes on", () => exactRounds(line.output) > before + 2);
        rounds = exactRounds(line.output) - before;
      },
    });
  }, 2 * LIMIT_MS);

  test("x", () => { console.log(JSON.stringify(run.events.filter((e) => !String(e.text).startsWith("flood")), null, 0).replaceAll("},", "},\n"), rounds, FAULTY); });
});
