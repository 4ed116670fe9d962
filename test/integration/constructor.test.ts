// Constructors on the real machine: what is a hole and what is not, which programs can be sealed, what a product finds and what it cannot do, and that nothing is left of it.
import { afterAll, beforeAll, expect, test } from "vitest";
import { ErrorCode, Kind } from "../../caps/abi/numbers.ts";
import { BW_ADDRESS, ConstructorBench, ELF, scriptOf, told, type Line } from "../support/constructor-run.ts";

const LIMIT = { timeout: 240_000 };
let bench: ConstructorBench;
beforeAll(() => void (bench = new ConstructorBench()));
afterAll(() => bench[Symbol.dispose]());

/** One client does it all. */
async function holds(lines: readonly Line[]): Promise<void> {
  const { of, faults } = await bench.run({ a: { does: scriptOf(lines) } });
  expect(of("a")).toEqual(told(lines));
  expect(faults).toEqual([]);
}

const YIELD = "0 bank:a schedule:a keeper";
/** Words of rights. */
const READ = 2, WRITE = 3, EXECUTE = 34;

test("a product has its data, its memory, its threads, and nothing of the product beside it; when its bank goes, all of it goes", LIMIT, async () => {
  const slots = [0, Kind.CNode, Kind.TCB, Kind.VSpace, Kind.Reply, Kind.Endpoint, Kind.Notification, Kind.Untyped, Kind.SchedContext, Kind.Frame, 0, 0, 0, 0, Kind.Discrim, 0, Kind.Endpoint, 0];
  await holds([
    ["create A 18 2", "done"], ["seal A", "done"], ["discreet requestor:A", "discreet, 0 holes"], ["holes requestor:A", "none"],
    ["bank a 0 0", "done"], [`yield requestor:A p ${YIELD}`, "done"], ["yield requestor:A q 0 bank:a schedule:b keeper", "done"], ["figures bank:a", "524288 in 2"],
    ["ask p 1", "1 1 0"], ["ask p 1", "1 2 0"], ["ask q 1", "1 1 0"], ["ask p 2 5", "0 0 0"], ["ask q 2 6", "0 0 0"], ["ask p 2 0", "5 0 0"],
    // Half of its 256 KiB, as pages; and again, when they are gone.
    ["ask p 3", "32 0 0"], ["ask p 3", "32 0 0"], ["ask p 4 100 0 0 schedule:c", "5050 0 0"],
    ...slots.map((kind, slot): Line => [`ask p 5 ${slot}`, kind === 0 ? "0 0 0" : `${kind} ${slot === 16 ? 13 : 15} 0`]),
    ["ask p 11 0", "0 0 0"], ["figures bank:a", "528384 in 3"], ["free bank:a", "done"], ["ask p 1", "InvalidCapability"], ["figures bank", "0 in 0"],
    // The same again gives the same again: schedules are free, memory is there, data is new.
    ["bank a 0 0", "done"], [`yield requestor:A p ${YIELD}`, "done"], ["ask p 1", "1 1 0"], ["ask p 2 0", "0 0 0"], ["free bank:a", "done"], ["figures bank", "0 in 0"],
    ["destroy builder:A", "done"], ["destroy builder:A", "no constructor"], ["discreet requestor:A", "no constructor"],
  ]);
});

test("who ends, or touches what is not its own, faults to its client's keeper and to nobody else", LIMIT, async () => {
  const reach = (line: string, fault: string): Line[] => [["bank a 0 0", "done"], [`yield requestor:A p ${YIELD}`, "done"], [line, "Broken"], ["fault", fault], ["figures bank:a", "gone"]];
  await holds([
    ["create A 18 2", "done"], ["seal A", "done"], ["guard bank:a", "done"],
    ...reach("ask p 6", "Breakpoint"), ...reach(`ask p 14 ${BW_ADDRESS.TEXT} 5`, "VMFault"), ...reach(`ask p 14 ${BW_ADDRESS.START} 5`, "VMFault"), ...reach(`ask p 14 ${BW_ADDRESS.ARGUMENTS} 5`, "VMFault"),
    ...reach(`ask p 14 ${BW_ADDRESS.DATA} 5`, "VMFault"), ...reach(`ask p 7 ${BW_ADDRESS.REGIONS}`, "VMFault"), ...reach(`ask p 7 ${BW_ADDRESS.OWN}`, "VMFault"), ...reach("ask p 7 0", "VMFault"),
    ["figures bank", "0 in 0"],
  ]);
});

test("what could tell somebody something is a hole; a constructor's holes are those of the products that its products could make", LIMIT, async () => {
  const discreet = ["frame-ro", "frame-weak", "discrim"];
  const holes: readonly (readonly [string, string])[] = [
    ["frame", "Frame"], ["table-weak", "CNode"], ["table-ro", "CNode"], ["table", "CNode"], ["endpoint", "Endpoint"], ["send", "Endpoint"], ["receive", "Endpoint"], ["rightless", "Endpoint"],
    ["notification", "Notification"], ["signal", "Notification"], ["wait", "Notification"], ["tcb", "TCB"], ["schedule", "SchedContext"], ["untyped", "Untyped"], ["vspace", "VSpace"], ["bank", "Endpoint"], ["console", "Endpoint"],
  ];
  const refused: readonly (readonly [string, string])[] = [["reply", "noCapability"], ["pagetable", "noCapability"], ["nothing", "noCapability"], ["maker", "notAllowed"], ["builder:A", "notAllowed"], ["builder:B", "notAllowed"]];
  const listed = (before: string): string => holes.map(([name, kind]) => `${before}x.${name} ${kind}`).join(", ");
  await holds([
    ["create A 18 2", "done"], ["seal A", "done"], ["create B 18 2", "done"],
    ...discreet.map((kind): Line => [`install B x.${kind} ${kind}`, "no hole"]), ...holes.map(([kind]): Line => [`install B x.${kind} ${kind}`, "a hole"]), ...refused.map(([kind, why]): Line => [`install B y ${kind}`, why]),
    ["install B bank endpoint", "taken"], ["install B x.frame endpoint", "taken"], ["install B x.toolong890123456789012 endpoint", "badRequest"],
    ["install B requestor requestor:A", "no hole"], ["install B x.22 discrim", "no hole"], ["install B x.23 discrim", "no hole"], ["install B x.24 discrim", "no hole"], ["install B x.25 discrim", "full"],
    ["seal B", "done"], ["discreet requestor:B", "not discreet, 17 holes"], ["verify requestor:B", "genuine, 17 holes"], ["holes requestor:B", listed("")], ["install B z discrim", "sealed"],
    ["create C 18 2", "done"], ["install C in requestor:B", "a hole"], ["seal C", "done"], ["holes requestor:C", listed("in/")],
    ["create D 18 2", "done"], ["install D deep requestor:C", "a hole"], ["install D phone send", "a hole"], ["seal D", "done"], ["holes requestor:D", `${listed("deep/in/")}, phone Endpoint`],
    ["bank a 1048576 1048576", "done"], ["yield requestor:D p 1 bank:a schedule:a keeper", "holes"], [`yield requestor:D p ${YIELD}`, "done"],
    // Its product builds C's product, and that one has B's requestor.
    ["ask p 12 17 17 0 schedule:b", "0 4 13"], ["free bank:a", "done"], ["figures bank", "0 in 0"],
    // What is no more cannot be looked into. That it had holes is not forgotten.
    ["destroy builder:B", "done"], ["holes requestor:D", `${holes.map(() => "deep/in/ nothing").join(", ")}, phone Endpoint`], ["verify requestor:D", "genuine, 18 holes"],
    ["bank a 0 0", "done"], [`yield requestor:C p ${YIELD}`, "done"], ["ask p 5 17", "0 0 0"], ["free bank:a", "done"],
  ]);
});

test("a requestor is genuine or not whatever it says of itself, and nobody but the server is asked", LIMIT, async () => {
  await holds([
    ["create A 18 2", "done"], ["verify builder:A", "NOT genuine, 0 holes"], ["seal A", "done"], ["verify requestor:A", "genuine, discreet, 0 holes"], ["verify builder:A", "NOT genuine, 0 holes"],
    ["discreet fake", "discreet, 1 holes"], ["fakes", "1"], ["verify fake", "NOT genuine, 0 holes"], ["verify endpoint", "NOT genuine, 0 holes"], ["verify maker", "NOT genuine, 0 holes"], ["verify bank", "NOT genuine, 0 holes"],
    ["verify frame", "NOT genuine, 0 holes"], ["verify nothing", "noCapability"], ["fakes", "1"],
    // Each facet has its own methods.
    ["discreet builder:A", "notAllowed"], ["discreet maker", "notAllowed"], ["raw builder:A 7 1 0", "notAllowed"], ["raw requestor:A 2 2 0", "notAllowed"], ["raw requestor:A 4 0 0", "notAllowed"], ["raw requestor:A 5 0 0", "notAllowed"],
    ["raw requestor:A 3 1 1 discrim", "notAllowed"], ["raw maker 8 1 3 discrim", "notAllowed"], ["raw builder:A 8 1 3 discrim", "notAllowed"], ["raw requestor:A 1 4 0", "notAllowed"], ["raw builder:A 1 4 0", "notAllowed"],
    // No shape of the protocol's.
    ["raw requestor:A 0 0 0", "badRequest"], ["raw requestor:A 10 0 0", "badRequest"], ["raw requestor:A 8 0 3 discrim", "badRequest"], ["raw requestor:A 8 1 3 discrim", "badRequest"], ["raw requestor:A 7 120 3 discrim", "notFound"],
    ["raw maker 1 4 0", "badRequest"], ["raw maker 1 3 0", "badRequest"], ["raw builder:A 2 120 3 frame", "sealed"], ["raw requestor:A 6 120 3 untyped", "done"], ["raw maker 9 0 0", "noCapability"], ["raw maker 9 0 3 requestor:A", "noCapability"],
    // A place that is used again is another constructor's.
    ["destroy builder:A", "done"], ["create B 18 2", "done"], ["seal B", "done"], ["verify requestor:A", "noCapability"], ["discreet requestor:A", "no constructor"], ["raw builder:A 5 0 0", "no constructor"], ["verify requestor:B", "genuine, discreet, 0 holes"],
  ]);
});

test("a file that is no program for it is refused with the reason, may be mended, and sealed then", LIMIT, async () => {
  const spoilt = (at: number, size: number, value: number | string, why: string): Line[] => [[`poke A ${at} ${size} ${value}`, "done"], ["seal A", why], [`restore A ${at} ${size}`, "done"]];
  const { text, constants, data, header } = ELF, FAR = "0xfffffffffffffff8";
  await holds([
    ["create A 12 2", "badRequest"], ["create A 25 2", "badRequest"], ["create A 18 0", "badRequest"], ["create A 18 65", "badRequest"],
    ["create B 18 2 nothing", "done"], ["seal B", "it is no ELF file"], ["create A 18 2", "done"],
    ...spoilt(0, 1, 0, "it is no ELF file for 64-bit RISC-V"), ...spoilt(header.machine, 2, 62, "it is no ELF file for 64-bit RISC-V"), ...spoilt(header.type, 2, 3, "it is not a static executable"),
    ...spoilt(header.segments, 8, FAR, "its program headers reach past the end of the file"), ...spoilt(header.segmentCount, 2, 65535, "its program headers reach past the end of the file"),
    ...spoilt(text.type, 4, 2, "it is dynamically linked"), ...spoilt(text.type, 4, 3, "it is dynamically linked"),
    ...spoilt(text.fileBytes, 8, FAR, "a segment reaches past the end of the file"), ...spoilt(text.offset, 8, FAR, "a segment reaches past the end of the file"), ...spoilt(data.bytes, 8, 1, "a segment reaches past the end of the file"),
    ...spoilt(text.address, 8, FAR, "a segment lies outside the addresses of programs"), ...spoilt(text.address, 8, 0, "a segment lies outside the addresses of programs"), ...spoilt(data.bytes, 8, FAR, "a segment lies outside the addresses of programs"),
    ...spoilt(text.flags, 4, 7, "a segment is writable and executable"), ...spoilt(constants.flags, 4, 0, "a segment can be neither read nor executed"), ...spoilt(constants.flags, 4, 5, "two executable segments lie on neighbouring pages"),
    ...spoilt(constants.bytes, 8, 100000, "a segment that is not written has less in the file than in memory"), ...spoilt(constants.address, 8, 0x20008, "a segment does not lie in the file as in memory: link with -z max-page-size=4096"),
    ...spoilt(constants.address, 8, 0x10000, "two segments share a page"), ...spoilt(header.entry, 8, FAR, "its entry point is not in an executable segment"), ...spoilt(header.entry, 8, 0x10001, "its entry point is not in an executable segment"),
    ...spoilt(header.sections, 8, FAR, "its section table is damaged"), ...spoilt(header.sectionCount, 2, 65535, "its section table is damaged"), ...spoilt(header.names, 2, 65535, "its section table is damaged"),
    ["poke A 1000000 8 1", "badRequest"], [`poke A ${FAR} 8 1`, "badRequest"], ["seal A", "done"], ["poke A 0 1 0", "sealed"], ["raw builder:A 4 0 0", "sealed"],
    ["bank a 0 0", "done"], [`yield requestor:A p ${YIELD}`, "done"], ["ask p 1", "1 1 0"], ["free bank:a", "done"],
    ["create C 16 2", "done"], ["seal C", "a product does not fit into its memory, or has its addresses too far apart: give it more, or link it closer"],
    // Uses: what is missing may be brought after it was missed.
    ["create D 18 2 needs", "done"], ["seal D", "it uses a capability that was not installed: page"], ["install D page frame-ro", "no hole"], ["seal D", "it uses a capability that was not installed: phone"], ["install D phone send", "a hole"], ["seal D", "done"],
    ["bank a 0 0", "done"], [`yield requestor:D p ${YIELD}`, "done"], ["ask p 15 0", "16 0 0"], ["ask p 15 1", "18 0 0"], ["ask p 15 2", "17 0 0"], [`ask p 9 17 ${READ}`, "0 4711 0"], ["free bank:a", "done"],
    // A clock in the text is a hole like any other: rdcycle a0.
    ["create E 18 2", "done"], [`poke E 0x1100 4 0xc0002573`, "done"], ["seal E", "done"], ["holes requestor:E", "instruction at 0x10100 nothing"], ["discreet requestor:E", "not discreet, 1 holes"],
  ]);
});

test("a product is built from what its client gave, or not at all", LIMIT, async () => {
  const refused: readonly (readonly [string, string])[] = [
    ["fake schedule:a keeper", "badBank"], ["console schedule:a keeper", "badBank"], ["endpoint schedule:a keeper", "badBank"], ["frame schedule:a keeper", "badBank"], ["bank-nobuy schedule:a keeper", "badBank"],
    ["requestor:A schedule:a keeper", "noCapability"], ["maker schedule:a keeper", "noCapability"], ["bank:a schedule:a requestor:A", "noCapability"], ["nothing schedule:a keeper", "noCapability"], ["bank:a nothing keeper", "noCapability"],
    ["bank:a schedule:a nothing", "noCapability"], ["bank:a keeper keeper", "badSchedule"], ["bank:a self keeper", "badSchedule"], ["bank:a own-time keeper", "badSchedule"], ["bank:a schedule:b keeper", "badSchedule"],
    ["bank:a schedule:a receive", "badKeeper"], ["bank:a schedule:a send", "badKeeper"], ["bank:a schedule:a rightless", "badKeeper"], ["bank:a schedule:a notification", "badKeeper"], ["bank:a schedule:a frame", "badKeeper"],
    ["bank:c schedule:a keeper", "noMemory"],
  ];
  const none = (what: string, why: string): Line[] => [[`yield requestor:A p 0 ${what}`, why], ["figures bank", "262144 in 0"], ["ask p 1", "InvalidCapability"]];
  await holds([
    ["create A 18 2", "done"], ["seal A", "done"], ["bank a 0 0", "done"], ["bank c 65536 0", "done"], ["yield requestor:A q 0 bank:a schedule:b keeper", "done"], ["figures bank", "262144 in 0"],
    ...refused.flatMap(([what, why]) => none(what, why)), ["fakes", "0"],
    [`yield requestor:A p ${YIELD}`, "done"], ["ask p 1", "1 1 0"], ["ask q 1", "1 1 0"], ["free bank:a", "done"], ["figures bank", "0 in 0"],
    // strict: what it has used can be seen by nobody, and its reserve does not come back before its client wants it to.
    ["bank d 1048576 0", "done"], ["yield requestor:A p 1 bank:d schedule:a keeper", "shared"], ["bank e 1048576 1048576", "done"], ["yield requestor:A p 1 bank:e schedule:a keeper", "done"],
    ["ask p 11 3", "11 0 0"], ["ask p 11 2", "3 0 0"], ["ask p 11 1", "0 0 0"], ["ask p 1", "1 1 0"], ["free bank:e", "done"], ["free bank:d", "done"], ["figures bank", "0 in 0"],
  ]);
});

test("a page to read tells its owner nothing: not by being mapped, not by being thrown away", LIMIT, async () => {
  const thrown = (away: boolean): Line[] => [
    ["create A 18 2", "done"], ["install A page block-ro", "no hole"], ["seal A", "done"], ["bank a 0 0", "done"], [`yield requestor:A p ${YIELD}`, "done"],
    ...(away ? [["ask p 8 17", "0 0 0"] as const, ["ask p 5 17", "0 0 0"] as const] : []), ["destroy builder:A", "done"], ["delete block-ro", "none"], ["delete block-frame", "none"], ["retype block", "NotEnoughMemory"],
    ["free bank:a", "done"], ["retype block", "none"],
  ];
  await holds([
    ["create B 18 2", "done"], ["install B page frame-ro", "no hole"], ["seal B", "done"], ["bank b 0 0", "done"], ["yield requestor:B q 0 bank:b schedule:b keeper", "done"], ["ask q 5 17", "10 18 0"],
    [`ask q 9 17 ${WRITE}`, `${ErrorCode.MissingRight} 0 0`], [`ask q 9 17 ${EXECUTE}`, `${ErrorCode.InvalidArgument} 0 0`], [`ask q 9 17 ${READ}`, "0 4711 0"],
    // The owner takes it back: from products, and from those that are not built yet.
    ["revoke frame", "none"], ["ask q 5 17", "0 0 0"], ["free bank:b", "done"], ["bank b 0 0", "done"], ["yield requestor:B q 0 bank:b schedule:b keeper", "done"], ["ask q 5 17", "0 0 0"], ["ask q 1", "1 1 0"], ["free bank:b", "done"],
    ...thrown(false),
  ]);
  await holds(thrown(true));
});

test("an Untyped is one product's at a time; the others find nothing there", LIMIT, async () => {
  await holds([
    ["create A 18 2", "done"], ["install A block untyped", "a hole"], ["seal A", "done"], ["bank a 0 0", "done"], [`yield requestor:A p ${YIELD}`, "done"], ["yield requestor:A q 0 bank:a schedule:b keeper", "done"],
    ["ask p 5 17", "1 15 0"], ["ask q 5 17", "0 0 0"], ["ask q 1", "1 1 0"], ["free bank:a", "done"], ["bank a 0 0", "done"], ["yield requestor:A q 0 bank:a schedule:b keeper", "done"], ["ask q 5 17", "1 15 0"], ["free bank:a", "done"],
  ]);
});

test("constructors are shared out among the clients of the manifest, and are to be had again", LIMIT, async () => {
  const lines: Line[] = [["many", "24, then full"], ["many", "0, then full"], ["destroy builder:A", "no constructor"]];
  const { of } = await bench.run({
    greedy: { does: [...scriptOf(lines), "stay"] },
    b: { does: ["create A 18 2", "seal A", "many", "destroy builder:A", "create B 18 2", "seal B", "bank a 0 0", `yield requestor:B p ${YIELD}`, "ask p 1", "free bank:a"] },
  });
  expect(of("greedy")).toEqual([...told(lines), "stay: stays"]);
  expect(of("b").map((line) => line.slice(line.lastIndexOf(": ") + 2))).toEqual(["done", "done", "23, then full", "done", "done", "done", "done", "done", "1 1 0", "done"]);
});

test("what the manifest gets wrong is said", LIMIT, async () => {
  const { run } = await bench.run({ a: { does: ["many"] } }, { args: "{ priority: 181 }" });
  expect(run.events).toContainEqual(expect.objectContaining({ event: "log", component: "constructor", text: expect.stringContaining("args.priority") }));
});
