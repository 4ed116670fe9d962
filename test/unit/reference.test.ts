// The reference of the kernel's API (caps/abi/reference) against the ABI, the kernel's limits and states, and the tests that it names.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { Invocation, Kind, RetypeSize, type ErrorName, type KindName } from "../../caps/abi/numbers.ts";
import { BOOT_TESTS, MESSAGE_TESTS } from "../../caps/abi/reference/boot.ts";
import { ERRORS } from "../../caps/abi/reference/errors.ts";
import { EXITS, FAULT_ANSWERS, FAULTS } from "../../caps/abi/reference/faults.ts";
import { Limit } from "../../caps/abi/reference/limits.ts";
import { FAULTS_KEPT } from "../../core/machine/iommu.ts";
import { operationsOf, referencePages } from "../../caps/abi/reference/markdown.ts";
import { OBJECTS, PENDING } from "../../caps/abi/reference/objects.ts";
import type { ObjectName, Refusal, TestId, Word } from "../../caps/abi/reference/page.ts";
import { OTHER_NUMBER_TESTS, SYSTEM_CALLS } from "../../caps/abi/reference/system-calls.ts";
import { THREAD_STATES, THREADS } from "../../caps/abi/reference/threads.ts";
import { PIECE } from "../../core/kernel/capabilities.ts";
import { MAX_TEXT } from "../../core/kernel/objects/hosted.ts";
import { IO_TOP, IOSPACE_MAPPINGS } from "../../core/kernel/objects/iospace.ts";
import { CLEAR_PIECE, MAX_RETYPE } from "../../core/kernel/objects/untyped.ts";
import { MAX_HARTS } from "../../core/kernel/objects/hart.ts";
import { GUEST_TOP, MAX_DEVICES, MAX_REGIONS } from "../../core/kernel/objects/vcpu.ts";
import { USER_TOP } from "../../core/kernel/objects/vspace.ts";
import { PRIORITIES, ThreadState } from "../../core/kernel/state.ts";
import { MOST_REFILLS } from "../../core/kernel/time.ts";

const root = join(import.meta.dirname, "..", "..");
const PAGES = join(root, "caps", "abi", "reference");
const KERNEL_TESTS = join(root, "test", "unit", "kernel");

/** A test of the kernel: what it says in its source, and what stands before the first test of its file. */
interface KernelTest {
  readonly file: string;
  readonly body: string;
  readonly head: string;
}

/** describe("CNODE-COPY") and test("003 ...") make CNODE-COPY-003; a number may stand once in its describe. */
function parseTests(file: string, source: string): (readonly [TestId, KernelTest])[] {
  const found: [TestId, KernelTest][] = [];
  const first = source.search(/^describe\(/m);
  const head = source.slice(0, Math.max(0, first));
  for (const part of source.slice(head.length).split(/^(?=describe\()/m)) {
    const name = /^describe\("([A-Z0-9-]+)"/.exec(part)?.[1];
    if (name === undefined) continue;
    const [setup = "", ...tests] = part.split(/^\s*(?=test\(["`]\d{3} )/m);
    for (const body of tests) found.push([`${name}-${body.slice(6, 9)}`, { file, body, head: head + setup }]);
  }
  return found;
}

const parsed = readdirSync(KERNEL_TESTS).filter((name) => name.endsWith(".test.ts")).flatMap((file) => parseTests(file, readFileSync(join(KERNEL_TESTS, file), "utf8")));
const tests: ReadonlyMap<TestId, KernelTest> = new Map(parsed);
const objects = Object.keys(OBJECTS) as ObjectName[];
const operations = objects.flatMap(operationsOf);
const calls = Object.entries(SYSTEM_CALLS);
const cells = Object.entries(THREADS).flatMap(([state, events]) => Object.entries(events).map(([event, cell]) => ({ place: `${state}, ${event}`, ...cell })));

/** Everything in the reference that names tests, by where it stands. */
const claims: (readonly [place: string, ids: readonly TestId[]])[] = [
  ...operations.flatMap(([name, op]) => [[name, op.tests] as const, ...op.refusals.map((r) => [`${name}, ${r.error} ${r.when}`, r.tests] as const)]),
  ...objects.flatMap((kind) => [[`${kind}, its end`, OBJECTS[kind].endTests] as const, [`${kind}, other labels`, OBJECTS[kind].otherLabels] as const]),
  ...calls.flatMap(([name, call]) => [
    [name, call.tests] as const, ...call.refusals.map((r) => [`${name}, ${r.error} ${r.when}`, r.tests] as const), ...call.faults.map((f) => [`${name}, ${f.fault} fault`, f.tests] as const),
  ]),
  ...Object.entries(FAULTS).map(([name, f]) => [name, f.tests] as const),
  ...FAULT_ANSWERS.map((a) => [a.answer, a.tests] as const),
  ...Object.entries(EXITS).map(([name, e]) => [`Exit ${name}`, e.tests] as const),
  ...MESSAGE_TESTS.map((m) => [m.says, m.tests] as const),
  ...cells.map((c) => [c.place, [c.test]] as const),
  ["other numbers", OTHER_NUMBER_TESTS],
  ["boot", BOOT_TESTS],
];
const isPending = (place: string): boolean => PENDING.some((name) => place === name || place.startsWith(`${name}, `));
/** Kinds whose end does nothing: the boot's singletons. Discrim's other labels come with its tests. */
const SILENT = new Set(["IRQControl, its end", "SchedControl, its end", "HostedControl, its end", "Discrim, its end", ...(PENDING.some((name) => name.startsWith("Discrim")) ? ["Discrim, other labels"] : [])]);

describe("the pages", () => {
  const pages = referencePages();
  test.each([...pages.keys()])("%s in the tree is what the data makes it", (name) => {
    expect(readIfAny(join(PAGES, name)) === pages.get(name), `caps/abi/reference/${name} is not what its data makes: npm run reference`).toBe(true);
  });
  test("there are no others", () => {
    expect(readdirSync(PAGES).filter((name) => name.endsWith(".md")).sort(), "npm run reference").toEqual([...pages.keys()].sort());
  });
  test("their links lead somewhere", () => {
    const anchors = (text: string): string[] => [...text.matchAll(/^##? (.+)$/gm)].map((m) => m[1]!.toLowerCase());
    for (const [name, text] of pages)
      for (const [, page, anchor] of text.matchAll(/\]\(([a-z-]+\.md)(?:#([a-z]+))?\)/g)) {
        expect(pages.has(page!), `${name} → ${page}`).toBe(true);
        if (anchor !== undefined) expect(anchors(pages.get(page!)!), `${name} → ${page}#${anchor}`).toContain(anchor);
      }
  });
});

function readIfAny(file: string): string | null {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return null;
  }
}

describe("the data and the ABI", () => {
  test("every invocation is described, once, with the object whose name it begins with", () => {
    expect(operations.map(([name]) => name).sort()).toEqual(Object.keys(Invocation).sort());
    for (const kind of objects) for (const [name] of operationsOf(kind)) expect(Invocation[name] >> 8, name).toBe(Kind[kind]);
  });
  test("every kind that Retype makes has its cost", () => {
    for (const name of Object.keys(RetypeSize) as KindName[]) expect(referencePages().get("README.md")).toContain(`[${name}](`);
  });
  /** Doc comment of each invocation in numbers.ts: words that it names before and after "Reply:". */
  const source = readFileSync(join(root, "caps", "abi", "numbers.ts"), "utf8");
  const docs = new Map([...source.matchAll(/\/\*\*((?:(?!\*\/)[\s\S])*)\*\/\s*\n\s*(\w+): 0x/g)].map((m) => [m[2]!, m[1]!]));
  const named = (text: string): string[] => [...text.matchAll(/w(\d)\b/g)].map((m) => m[1]!);
  const covers = (list: readonly Word[], n: string): boolean => list.some((w) => w.at[1] === n || (w.at.endsWith("..") && w.at[1]! < n));
  test.each(operations)("%s: the words are those of the ABI's text", (name, op) => {
    const [asks = "", gives = ""] = (docs.get(name) ?? "").split("Reply:");
    for (const n of named(asks)) expect(covers(op.words, n), `w${n} of the ABI's text`).toBe(true);
    for (const n of named(gives)) expect(covers(op.answer, n), `w${n} of the ABI's answer`).toBe(true);
    // What it takes "as" another does is told there.
    if (!/^\s*As /.test(asks)) for (const w of op.words) expect(named(asks), `${w.at} of the reference`).toContain(w.at[1]);
  });
  test.each(operations)("%s: each refusal tells an argument exactly when its error does, and one that there is", (_, op) => {
    for (const r of op.refusals) checkArgument(r, op.words);
  });
  test.each(calls)("%s: so does each refusal of the call", (_, call) => {
    for (const r of call.refusals) checkArgument(r, []);
  });
  function checkArgument(r: Refusal, list: readonly Word[]): void {
    expect(r.argument !== null, `${r.error}: ${r.when}`).toBe(ERRORS[r.error].words[0]?.name === "argument");
    if (list.length > 0 && r.argument !== null) expect(list.map((w) => Number(w.at[1]))).toContain(r.argument);
  }
  test("words stand in order", () => {
    for (const [name, op] of operations) {
      const at = op.words.map((w) => w.at.replace(".lo", ".0").replace(".hi", ".1").replace("..", ""));
      expect(at, name).toEqual([...at].sort());
    }
  });
});

describe("the data and the kernel", () => {
  test("limits are the kernel's", () => {
    expect(Limit).toEqual({ PIECE, MAX_RETYPE, CLEAR_PIECE, USER_TOP, GUEST_TOP, IO_TOP, IOSPACE_MAPPINGS, IOSPACE_FAULTS: FAULTS_KEPT, MAX_REGIONS, MAX_DEVICES, MAX_HARTS, MAX_TEXT, MOST_REFILLS, PRIORITIES });
  });
  test("the thread states are the kernel's, and a fault's two", () => {
    expect(Object.keys(THREAD_STATES).sort()).toEqual([...Object.keys(ThreadState), "FaultWaiting", "FaultReceived"].sort());
  });
  test("each cell of the thread table has a test of its own, and each such test its cell", () => {
    expect(cells.map((c) => c.test).sort()).toEqual([...tests.keys()].filter((id) => id.startsWith("TCB-STATE-")).sort());
    for (const { place, test: id } of cells) expect(tests.get(id)!.body.toLowerCase(), `${place}: ${id} is about another state`).toContain(place.slice(0, place.indexOf(",")).toLowerCase());
  });
});

describe("the data and the tests", () => {
  test("IDs are unique", () => {
    const seen = new Map<TestId, string>();
    for (const [id, { file }] of parsed) {
      expect(seen.get(id), `${id} stands twice: in ${seen.get(id)} and in ${file}`).toBeUndefined();
      seen.set(id, file);
    }
    expect(seen.size).toBeGreaterThan(400);
  });
  test("every test that is named exists", () => {
    expect(claims.flatMap(([place, ids]) => ids.filter((id) => !tests.has(id)).map((id) => `${place}: ${id}`))).toEqual([]);
  });
  test("every success, error, fault and exit names a test", () => {
    expect(claims.filter(([place, ids]) => ids.length === 0 && !isPending(place) && !SILENT.has(place)).map(([place]) => place)).toEqual([]);
  });
  test("a test that is named for an operation's error asks for that error of that operation", () => {
    const wrong: string[] = [];
    for (const [name, op] of operations) {
      for (const id of op.tests) if (!mentions(id, name)) wrong.push(`${id} does not make a ${name}`);
      for (const r of op.refusals) {
        for (const id of r.tests) if (!mentions(id, name)) wrong.push(`${id} does not make a ${name}, for ${r.error}`);
        if (r.tests.length > 0 && !r.tests.some((id) => expects(id, r.error))) wrong.push(`${name}, ${r.error} ${r.when}: ${r.tests.join(" ")} expect another error`);
      }
    }
    for (const [name, call] of calls) for (const r of call.refusals) if (!r.tests.some((id) => expects(id, r.error))) wrong.push(`${name}, ${r.error}: ${r.tests.join(" ")}`);
    expect(wrong).toEqual([]);
  });
  const mentions = (id: TestId, name: string): boolean => {
    const t = tests.get(id);
    return t === undefined || new RegExp(`\\b${name}\\b`).test(t.body + t.head);
  };
  const expects = (id: TestId, error: ErrorName): boolean => {
    const t = tests.get(id);
    return t === undefined || (t.body + t.head).includes(`ErrorCode.${error}`);
  };

  test("what is PENDING has no tests yet", () => {
    const there = PENDING.map((name) => [name, [...tests].filter(([, t]) => new RegExp(`\\b(?:I|K|Invocation|Fault)[.]${name}\\b|\\b${name}[,)]`).test(t.body)).map(([id]) => id)] as const);
    const written = there.filter(([, ids]) => ids.some((id) => !id.startsWith("ARG-") && !id.startsWith("TCB-STATE-")));
    expect(written.map(([name, ids]) => `${name} is tested by ${ids.join(" ")}: name them in caps/abi/reference, and take it off PENDING (objects.ts)`)).toEqual([]);
  });
  test("nothing is PENDING", () => {
    expect(PENDING).toEqual([]);
  });
});
