// examples/confined-classifier: its claims, a manifest that breaks one, and what hostile components make of them. What the product itself tries is in expected.txt.
import { expect, test } from "vitest";
import { prepareAppliance } from "../../servers/operator/appliance.ts";
import { startSession } from "../../servers/operator/session.ts";
import { applianceFolder, type Run, runAppliance, until } from "../support/appliance-run.ts";
import { bailiwick } from "../support/command-line.ts";
import { exampleFiles, GRASP } from "../support/example-files.ts";

const LIMIT = { timeout: 180_000 };
const FOLDER = "examples/confined-classifier";
const files = exampleFiles("confined-classifier");
const MANIFEST = files["appliance.yaml"]!, EXPECTED = files["expected.txt"]!;

test("the claims hold, and a check says so", LIMIT, async () => {
  const { status, out } = await bailiwick(["check", FOLDER]);
  expect([status, out.match(/^ {2}holds: /gm)?.length, /broken|does not hold/.test(out)]).toEqual([0, 5, false]);
});

test("watched all the while, nothing that the example does breaks them", LIMIT, async () => {
  const { status, out } = await bailiwick(["run", "-q", FOLDER]);
  expect([status, out.replaceAll("\r\n", "\n")]).toEqual([0, EXPECTED]);
});

test("an author with a terminal is an error, and the README shows it as it is", LIMIT, async () => {
  const shown = /```\n(error[^]*?)```/.exec(files["README.md"]!)?.[1]?.split("\n") ?? ["no error is shown"];
  using folder = applianceFolder({ ...files, "appliance.yaml": MANIFEST.replace("use: { bank: bank.common, constructor: constructor.constructor, program:", "use: { console: console.console, bank: bank.common, constructor: constructor.constructor, program:") });
  const { status, err } = await bailiwick(["check", folder.path]);
  expect(status).toBe(4);
  // But for the place, whose path is another.
  for (const line of shown.filter((line) => !line.includes("-->"))) expect(err).toContain(line);
});

const IMAGES = { author: "c: author.c", bank: "server: bank", constructor: "server: constructor" } as const;

/** Runs it with one component taken over, until that has tried everything. */
async function takenOver(name: keyof typeof IMAGES, change = (manifest: string): string => manifest): Promise<{ readonly said: readonly string[]; readonly run: Run }> {
  const args = name === "author" ? "\n    args: { write: LEAKED }" : "";
  const hostile = MANIFEST.replace(`image: { ${IMAGES[name]} }`, `image: { c: grasp.c }${args}`).replace("args: { common", "args: { write: LEAKED, common").replace("args: { priority", "args: { write: LEAKED, priority");
  using folder = applianceFolder({ ...files, "grasp.c": GRASP, "appliance.yaml": change(hostile) });
  const said: string[] = [];
  const run = await runAppliance(folder.path, {
    onEvent: ({ event, component, text }) => void (event === "log" && component === name && said.push(String(text))),
    during: () => until("it has tried all", () => said.some((text) => text.startsWith("tried ")), 30_000),
  });
  return { said, run };
}

test.each(["author", "bank", "constructor"] as const)("a hostile %s finds no way to the terminal", LIMIT, async (name) => {
  const { said, run } = await takenOver(name);
  expect(said[0]).toMatch(name === "bank" ? /^tried 1: 0 endpoints/ : /^tried 1: [1-9]\d* endpoints, [1-9]\d\d+ calls/);
  expect(run.output).not.toContain("LEAKED");
  expect(run.events.filter(({ event }) => event === "dma-fault" || event === "fault")).toEqual([]);
});

test("with a terminal, and without claims, the same author is on it", LIMIT, async () => {
  const { run } = await takenOver("author", (manifest) => manifest.replace(/assert:[^]*/, "").replace("use: { bank: bank.common, constructor: constructor.constructor, program:", "use: { console: console.console, bank: bank.common, constructor: constructor.constructor, program:"));
  expect(run.output).toContain("LEAKED");
});

test("a client that betrays itself is found out: the terminal in the author's hands stops the appliance", LIMIT, async () => {
  using folder = applianceFolder({
    ...files,
    "appliance.yaml": MANIFEST.replace("shop: author.shop,", "shop: { from: author.shop, rights: [call, grant] },"),
    "client.c": files["client.c"]!.replace("    bw_console_open(bw_use_console.cap);", `    bw_console_open(bw_use_console.cap);
    bw_ipc()->caps[0] = bw_use_console.cap;
    (void)bw_call(bw_use_shop.cap, bw_info(SHOP_HEARD, 0, 1), 0, 0, 0, 0);`),
    "author.c": files["author.c"]!.replace(".notified = notified}", ".notified = notified, .receive_first = 250, .receive_count = 1}").replace("    uint32_t kind = 0, rights = 0;\n    r->w[0]", "    uint32_t kind = 0, rights = 0;\n    (void)bw_cnode_move(BW_SLOT_CNODE, 251, BW_SLOT_CNODE, 250);\n    r->w[0]"),
  });
  const session = await startSession(await prepareAppliance(folder.path), { console: { write() {}, ready: () => true, onDrained() {}, onInput() {} }, timeoutMs: 40_000 });
  expect(await session.outcome).toEqual({ status: 4, why: expect.stringContaining("author was given console.console, and claim 1 of the manifest (no-path) does not hold any more: author can come to hold console.console") });
});
