// Hosted programs that mean harm, all on one machine with programs that do not. What one compartment cannot reach is test/unit/hosted.test.ts's business;
// here it is what the system makes of them: the kernel, the root server and the neighbours go on.
import { beforeAll, describe, expect, test } from "vitest";
import { applianceFolder, manifestWith, runAppliance, until, type Run } from "../support/appliance-run.ts";
import { exactRounds, pairComponents, pairFiles } from "../support/bystanders.ts";

const LIMIT_MS = 150_000;

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
    // What is no address at all is refused; an address that is not mapped is a fault, whoever catches it.
    const odd: any[] = [NaN, Infinity, -Infinity, 1.5, 2 ** 53, 2 ** 63, 2n ** 64n, "x", {}, Symbol("s"), { valueOf: () => 0 }];
    let refused = 0, tried = 0;
    for (const a of odd) for (const b of [0, 1, -1, NaN, 2 ** 31, 2 ** 40, 2 ** 53, "x"] as any[]) {
      const mem = env.mem as any;
      for (const f of [() => mem.load8(a), () => mem.load64(a), () => mem.store64(a, 1n), () => mem.store8(a, b), () => mem.read(a, b), () => mem.write(a, b), () => mem.copy(a, b, 8), () => mem.copy(a, a, b), () => mem.fill(a, b, 0)]) {
        tried++;
        if (attempt(f) === "refused") refused++;
      }
    }
    yield* say(env, refused === tried ? "all refused" : refused + " refused of " + tried);
  }`,
  "catches-faults": `${LOG}export default function* main(env: Env) {
    attempt(() => env.mem.load8(0x80000000));
    yield* say(env, "went on after a fault");
  }`,
  "fills-much": `${LOG}export default function* main(env: Env) {
    attempt(() => env.mem.read(0x40001000, 2 ** 40));
    attempt(() => env.mem.fill(0x40001000, 2 ** 52, 0));
    yield* say(env, "went on after a fault");
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
        await until("all are done", () => names.every((name) => over.has(name)), LIMIT_MS);
        const before = exactRounds(line.output);
        await until("the pair goes on", () => exactRounds(line.output) > before + 2);
        rounds = exactRounds(line.output) - before;
      },
    });
  }, 2 * LIMIT_MS);

  const texts = (name: string): unknown[] => run.events.filter(({ event, component }) => event === "log" && component === name).map(({ text }) => text);
  const end = (name: string): Record<string, unknown> | undefined => run.events.find(({ event, component }) => component === name && (event === "exit" || event === "fault"));

  test("their neighbours give exact answers, and the root server goes on", () => {
    expect(rounds).toBeGreaterThan(2);
    expect(end("pair-client")).toBeUndefined();
    expect(end("pair-server")).toBeUndefined();
    expect(run.events.filter(({ event }) => event === "end" || event === "error")).toEqual([]);
  });

  test("what one throws, whatever it is, is its fault, and the operator reads why", () => {
    for (const name of ["throws", "throws-odd", "yields-garbage"]) expect(end(name), name).toMatchObject({ event: "fault", kind: "UserException" });
    expect(texts("throws")).toEqual([expect.stringContaining("Error: boom")]);
    expect(texts("throws-odd")).toEqual(["something that has no text was thrown"]);
    expect(texts("yields-garbage")).toEqual(["before", "the program yielded without a system call"]);
  });

  test("a fault counts even when it is caught", () => {
    expect(end("catches-faults")).toMatchObject({ event: "fault", kind: "VMFault", address: 0x8000_0000 });
    expect(end("fills-much")).toMatchObject({ event: "fault", kind: "VMFault", address: 0x4000_2000 });
    expect([...texts("catches-faults"), ...texts("fills-much")]).toEqual([]);
  });

  test.each([
    ["odd-arguments", ["tried 1050"]],
    ["odd-memory", ["all refused"]],
    ["recurses", ["still here"]],
    ["interleaves", ["still here"]],
    ["tampers", ["12 refused, sees []"]],
  ])("%s: refused piece by piece, and the program lives", (name, said) => {
    expect(texts(name)).toEqual(said);
    expect(end(name)).toMatchObject({ event: "exit", status: 0 });
  });

  test("five hundred long lines reach the operator one by one", () => {
    expect(texts("floods")).toEqual([...Array<string>(500).fill("flood ".repeat(150)), "done"]);
  });
});

test.each([
  ["whose text throws as it is loaded", "(null as any).f; export default function* main() {}", /TypeError/],
  ["that is no generator", "export default function main() { return { next: () => ({ done: false }) }; }", /not a generator function/],
  ["that asks for direct eval", "export default function* main() { eval('1'); }", /eval/],
])("a system with a program %s does not start, and says so", { timeout: LIMIT_MS }, async (_, source, said) => {
  using folder = applianceFolder({ "appliance.yaml": manifestWith({ main: "{ image: { ts: main.ts }, essential: true }" }), "main.ts": source });
  const { events, status } = await runAppliance(folder.path);
  expect(status).toBe(1);
  expect(events.filter(({ event }) => event === "started")).toEqual([]);
  expect(events.find(({ event }) => event === "log")?.["text"]).toMatch(said);
  expect(events.find(({ event }) => event === "error")?.["message"]).toMatch(/could not load the text \(component\/main\.js\) of component main/);
});
