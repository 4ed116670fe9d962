// Hosted programs as builders and clients of constructors: one component builds, the other looks, has a product built, and asks it.
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { ErrorCode, Kind } from "../../caps/abi/numbers.ts";
import { applianceFolder, manifestWith, runAppliance } from "../support/appliance-run.ts";

const PROTOCOL = readFileSync("test/integration/constructor/protocol.ts", "utf8") + `
export const Shop = protocol({ name: "Shop", methods: { requestor: { label: 1, doc: "Brings one: 0 without holes, 1 with.", words: ["which"], returns: [] } }, refusals: { badRequest: 1 } });
`;

const BUILDER = `
import { createConstructor, installCapability, sealConstructor, destroyConstructor, client, Console, InitSlot, type Env, type Op } from "bailiwick/sdk";
import { Shop } from "./protocol.ts";
const BUILDERS = 130, REQUESTORS = 140, BELL = 150;
export default function* main(env: Env): Op<void> {
  const console = client(Console, env.sys, env.mem, env.use.console!.cap);
  const say = function* (text: string, what: unknown): Op<void> { yield* console.write(new TextEncoder().encode(\`builder: \${text}: \${JSON.stringify(what)}\\n\`)); };
  const constructor = env.use.constructor!.cap, program = env.use.product!;
  const elf = env.mem.read(program.address, program.bytes);
  for (const which of [0, 1]) {
    yield* say("create", yield* createConstructor(env, constructor, "p", elf, { bits: 18, stackPages: 2 }, BUILDERS + which));
    if (which === 1) yield* say("install", yield* installCapability(env, BUILDERS + which, "bell", InitSlot.Notification));
    yield* say("seal", yield* sealConstructor(env, BUILDERS + which, REQUESTORS + which));
  }
  yield* say("create too large", yield* createConstructor(env, constructor, "hosted", elf, { bits: 60, stackPages: 2 }, BUILDERS + 2));
  yield* say("create text", yield* createConstructor(env, constructor, "hosted", new TextEncoder().encode("no program, but long enough to have been one if it had been one"), { bits: 18, stackPages: 2 }, BUILDERS + 2));
  yield* say("seal text", yield* sealConstructor(env, BUILDERS + 2, REQUESTORS + 2));
  yield* say("destroy", yield* destroyConstructor(env, BUILDERS + 2));
  yield* say("destroy again", yield* destroyConstructor(env, BUILDERS + 2));
  let message = yield* env.sys.recv(InitSlot.Service, InitSlot.Reply);
  for (;;) message = yield* env.sys.replyRecv(InitSlot.Service, InitSlot.Reply, message.word(0) > 1 ? Shop.refusals.badRequest : 0, [], message.word(0) > 1 ? [] : [REQUESTORS + message.word(0)]);
}
`;

const CLIENT = `
import { client, Console, holeOf, InitSlot, Kind, retype, schedControlConfigure, verifyRequestor, yieldProduct, type Env, type Op } from "bailiwick/sdk";
import { Product, Shop } from "./protocol.ts";
const REQUESTORS = 130, SCHEDULE = 140, KEEPER = 141, PRODUCT = 142;
export default function* main(env: Env): Op<void> {
  const { sys, mem, use } = env;
  const console = client(Console, sys, mem, use.console!.cap);
  const say = function* (text: string, what: unknown): Op<void> { yield* console.write(new TextEncoder().encode(\`client: \${text}: \${JSON.stringify(what)}\\n\`)); };
  yield* retype(sys, InitSlot.Untyped, Kind.SchedContext, 0, 1, InitSlot.CNode, SCHEDULE);
  yield* retype(sys, InitSlot.Untyped, Kind.Endpoint, 0, 1, InitSlot.CNode, KEEPER);
  yield* schedControlConfigure(sys, use.time!.cap, SCHEDULE, 10000, 10000);
  sys.receiveSlots(InitSlot.CNode, REQUESTORS, 32, 1);
  for (const which of [0, 1]) {
    sys.receiveSlots(InitSlot.CNode, REQUESTORS + which, 32, 1);
    yield* client(Shop, sys, mem, use.shop!.cap).requestor(which);
    yield* say("verify", yield* verifyRequestor(env, use.constructor!.cap, REQUESTORS + which));
    yield* say("hole", yield* holeOf(env, REQUESTORS + which, 0));
    const from = { bank: use.bank!.cap, schedule: SCHEDULE, keeper: KEEPER, strict: which === 1 };
    const built = yield* yieldProduct(env, REQUESTORS + which, from, PRODUCT + which);
    yield* say("yield", built.ok ? { ok: true, number: built.number > 0 } : built);
    const product = client(Product, sys, mem, PRODUCT + which);
    yield* say("data", yield* product.data());
    yield* say("store", [yield* product.store(5), yield* product.store(6)]);
  }
  yield* say("verify a console", yield* verifyRequestor(env, use.constructor!.cap, use.console!.cap));
  yield* say("yield a console", yield* yieldProduct(env, use.console!.cap, { bank: use.bank!.cap, schedule: SCHEDULE, keeper: KEEPER, strict: false }, 150));
  // The receive slots are as they were.
  yield* say("slots", [mem.load64(0x40001000 + 8 * 126), mem.load64(0x40001000)].map(Number));
}
`;

test("a hosted builder and a hosted client", { timeout: 240_000 }, async () => {
  using folder = applianceFolder({
    "appliance.yaml": manifestWith({
      bank: "{ image: { server: bank }, memory: 8MiB, slots: 8192, cpu: { priority: 190 }, offer: { common: Bank, files: Bank } }",
      constructor: "{ image: { server: constructor }, memory: 2MiB, slots: 8192, cpu: { priority: 180 }, use: { bank: bank.files }, offer: { constructor: Constructor } }",
      builder: "{ image: { ts: builder.ts }, use: { console: console.console, constructor: constructor.constructor, product: programs.product }, offer: { shop: Shop }, cpu: { priority: 150 } }",
      client: "{ image: { ts: client.ts }, use: { console: console.console, constructor: constructor.constructor, bank: bank.common, shop: builder.shop, time: platform.cpu.time }, cpu: { priority: 140 }, essential: true }",
    }).replace("components:\n", "programs:\n  product: { image: { c: product.c } }\ncomponents:\n"),
    "protocol.ts": PROTOCOL, "product.c": readFileSync("test/integration/constructor/product.c"), "builder.ts": BUILDER, "client.ts": CLIENT,
  });
  const { output, status } = await runAppliance(folder.path, { limitMs: 200_000 });
  const said = (who: string): unknown[] => output.split("\n").filter((line) => line.startsWith(`${who}: `)).map((line) => { const [, what = "", json = "null"] = /^\w+: ([^:]+): (.*)$/.exec(line) ?? []; return [what, JSON.parse(json) as unknown]; });
  const gone = { ok: false, refusal: "error", label: ErrorCode.InvalidCapability };
  expect(said("builder")).toEqual([
    ["create", { ok: true }], ["seal", { ok: true, holes: 0 }], ["create", { ok: true }], ["install", { ok: true, hole: true }], ["seal", { ok: true, holes: 1 }],
    ["create too large", { ok: false, refusal: "badRequest", label: 1 }], ["create text", { ok: true }], ["seal text", { ok: false, refusal: "badImage", label: 8, why: "it is no ELF file" }], ["destroy", { ok: true }], ["destroy again", gone],
  ]);
  expect(said("client")).toEqual([
    ["verify", { ok: true, genuine: true, discreet: true, holes: 0 }], ["hole", { ok: false, refusal: "notFound", label: 15 }], ["yield", { ok: true, number: true }], ["data", { ok: true, right: 1, times: 1 }], ["store", [{ ok: true, before: 0 }, { ok: true, before: 5 }]],
    ["verify", { ok: true, genuine: true, discreet: false, holes: 1 }], ["hole", { ok: true, kind: Kind.Notification, rights: 15, path: "bell" }], ["yield", { ok: false, refusal: "holes", label: 13 }], ["data", gone], ["store", [gone, gone]],
    ["verify a console", { ok: true, genuine: false, discreet: false, holes: 0 }], ["yield a console", { ok: false, refusal: "badRequest", label: 1 }], ["slots", [131, 1]],
  ]);
  expect(status).toBe(0);
});
