// VM-*: machines in the background, as a user has them: every verb of `bailiwick vm` in the states in which it can be used and in those in which it cannot, a console that is attached and detached,
// clones, tokens, the control socket driven by curl and by a client made from its own description.
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync, statSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test, vi } from "vitest";
import { findLinux } from "../../guests/linux/installed.ts";
import { findPackage } from "../../servers/operator/package.ts";
import { findProgram } from "../../servers/operator/setup/command.mjs";
import { ask } from "../../servers/operator/vm/client.ts";
import { openSnapshot } from "../../servers/operator/vm/snapshot.ts";
import { applianceFolder, manifestWith, pause, until } from "../support/appliance-run.ts";
import { bailiwick, CLI, type Done } from "../support/command-line.ts";
import { freePorts } from "../support/ports.ts";

vi.setConfig({ testTimeout: 240_000 });
const installed = findLinux(findPackage().record);
const hasLinux = installed.ok && installed.value !== undefined;

const state = realpathSync(mkdtempSync(join(tmpdir(), "bailiwick-vms-")));
const env = { XDG_STATE_HOME: state };
const vm = (...args: readonly string[]): Promise<Done> => bailiwick(["vm", ...args], { env, limitMs: 120_000 });
const done = async (...args: readonly string[]): Promise<string> => {
  const { status, out, err } = await vm(...args);
  if (status !== 0) throw new Error(`vm ${args.join(" ")}: ${status}: ${err}`);
  return out;
};
interface Listed {
  readonly name: string;
  readonly state: string;
  readonly guests: readonly { readonly name: string; readonly state: string }[];
}
const list = async (): Promise<string> => (JSON.parse(await done("ls", "--json")) as Listed[]).map(({ name, state: is, guests }) => `${name} ${is} ${guests.map((guest) => guest.state).join()}`.trim()).join("; ");
const place = (name: string, file: string): string => join(state, "bailiwick", "vms", name, file);

afterAll(async () => {
  const names = (JSON.parse((await vm("ls", "--json")).out || "[]") as Listed[]).map(({ name }) => name);
  if (names.length > 0) await vm("rm", "--force", ...names);
  rmSync(state, { recursive: true, force: true });
});

const MANIFEST = `${manifestWith({}, "192MiB")}guests:\n  g: { image: linux, memory: 96MiB, console: console.console, essential: true }\n`;
/** Types into a console by its socket, as `vm console` does. */
async function type(name: string, text: string): Promise<void> {
  await new Promise<void>((sent) => {
    const socket = connect(place(name, "console.sock"), () => socket.end(text, () => setTimeout(sent, 100)));
  });
}
const logOf = (name: string): string => readFileSync(place(name, "console.log"), "latin1");

describe.skipIf(!hasLinux)("VM", () => {
  test("001 a machine's whole life: each verb where it can be used, and refused where it cannot", async () => {
    using folder = applianceFolder({ "appliance.yaml": MANIFEST });
    const refused = async (says: RegExp, ...args: readonly string[]): Promise<void> => {
      const { status, err } = await vm(...args);
      expect([status === 0, err], args.join(" ")).toEqual([false, expect.stringMatching(says)]);
    };
    await refused(/there is no machine 'a'[^]*vm create NAME/, "start", "a");
    await refused(/is no name for a machine/, "create", "../a", folder.path);
    await refused(/BW0301/, "create", "a", join(folder.path, "nowhere"));
    await refused(/vm has no verb 'strat' \(did you mean 'start'\?\)|vm has no verb 'strat'/, "strat", "a");
    await refused(/bailiwick vm snapshot GUEST DIR/, "snapshot", "a");
    await done("create", "a", folder.path);
    await refused(/there is a machine 'a' already/, "create", "a", folder.path);
    expect(await list()).toBe("a stopped");
    for (const verb of ["pause", "resume"]) await refused(/the machine 'a' does not run/, verb, "a");
    await refused(/does not run/, "snapshot", "a", join(state, "none"));
    await refused(/does not run/, "clone", "a", "b");
    await refused(/does not run/, "stop", "a");
    await refused(/has no console now/, "console", "a");

    await done("start", "a");
    await refused(/runs already/, "start", "a");
    await refused(/runs already/, "restore", "a", join(state, "none"));
    await refused(/the machine 'a' runs/, "rm", "a");
    await refused(/there is no guest 'other'/, "pause", "a/other");
    await until("the shell", () => logOf("a").includes("guest:~# "), 60_000);
    await type("a", "word=kept; echo $((6 * 7))\n");
    await until("its answer", () => logOf("a").includes("42\r\n"));

    await done("pause", "a");
    expect(await list()).toBe("a running paused");
    await refused(/guest g is paused: only one that is running can be paused/, "pause", "a");
    const snapshot = join(state, "snap");
    expect(JSON.parse(await done("snapshot", "--json", "a/g", snapshot))).toMatchObject({ guest: "g", folder: snapshot, pausedMs: 0 });
    await refused(/there is something at/, "snapshot", "a", snapshot);
    await done("resume", "a");
    await refused(/guest g is running: only one that is paused can be resumed/, "resume", "a");
    expect(await done("top", "--once")).toMatch(/^NAME +CPU +MEMORY +EXITS\/S +DISK\/S +NET\/S +GUESTS\na +\d+ % +\d+(\.\d+)? \w+ +\d+ +0 bytes +0 bytes +g running\n$/);
    await done("stop", "a");
    expect(await list()).toBe("a stopped");

    await refused(/there is no snapshot in/, "restore", "a", join(state, "none"));
    await done("restore", "a", snapshot);
    expect(await list()).toBe("a running paused");
    await done("resume", "a");
    await type("a", "echo $word-$((7 * 7))\n");
    await until("it remembers", () => logOf("a").includes("kept-49\r\n"));
    await done("rm", "--force", "a");
    expect(await list()).toBe("");
    expect(existsSync(place("a", ""))).toBe(false);
  });

  test("002 clones go on from what their original is, each for itself, and it goes on too", async () => {
    using folder = applianceFolder({ "appliance.yaml": MANIFEST });
    await done("create", "origin", folder.path);
    await done("start", "origin");
    await until("the shell", () => logOf("origin").includes("guest:~# "), 60_000);
    await type("origin", "who=origin; echo $((1 + 1))$who\n");
    await until("its answer", () => logOf("origin").includes("2origin\r\n"));
    // One name that is taken, and there is none of them.
    expect((await vm("clone", "origin", "fresh", "origin")).err).toMatch(/there is a machine 'origin' already/);
    expect(await list()).toBe("origin running running");
    await done("clone", "origin", "one", "two");
    expect(await list()).toBe("one running running; origin running running; two running running");
    for (const name of ["one", "two", "origin"]) await type(name, `echo $who-${name}-$(head -c 6 /dev/urandom | hexdump -e '"%x"')\n`);
    const said = async (name: string): Promise<string> => {
      const seen = (): string | undefined => new RegExp(`origin-${name}-([0-9a-f]+)\\r`).exec(logOf(name))?.[1];
      await until(`${name} answers`, () => seen() !== undefined, 30_000);
      return seen()!;
    };
    const randoms = [await said("one"), await said("two"), await said("origin")];
    expect(new Set(randoms).size).toBe(3);
    for (const name of ["one", "two", "origin"]) await done("rm", "--force", name);
  });

  test.skipIf(findProgram("tmux") === null)("003 a console is attached in a terminal, detached, and attached again: nothing is lost, and the machine goes on", async () => {
    using folder = applianceFolder({ "appliance.yaml": MANIFEST });
    const server = join(state, "tmux");
    const tmux = (...args: readonly string[]): string => spawnSync("tmux", ["-S", server, ...args], { encoding: "utf8", env: { ...process.env, ...env, TERM: "xterm" } }).stdout;
    const screen = (): string => tmux("capture-pane", "-p", "-t", "v", "-S", "-200");
    await done("create", "c", folder.path);
    await done("start", "c");
    await until("the shell", () => logOf("c").includes("guest:~# "), 60_000);
    tmux("new-session", "-d", "-s", "v", "-x", "120", "-y", "40", "sh");
    try {
      const attach = (): string => tmux("send-keys", "-t", "v", `${process.execPath} ${CLI} vm console c; echo left-$?`, "Enter");
      attach();
      await until("what was said before", () => screen().includes("guest:~#"));
      tmux("send-keys", "-t", "v", "i=0; while sleep 0.1; do i=$((i+1)); echo tick-$i-; done", "Enter");
      await until("it ticks", () => screen().includes("tick-3-"));
      tmux("send-keys", "-t", "v", "C-]", "q");
      await until("it is detached", () => screen().includes("left-0"));
      const last = (): number => Math.max(...[...logOf("c").matchAll(/tick-(\d+)-/g)].map(([, n]) => Number(n)));
      const before = last();
      await until("it goes on", () => last() > before + 10);
      attach();
      await until("it is seen again", () => screen().includes(`tick-${before + 12}-`));
      tmux("send-keys", "-t", "v", "C-c", "");
      await pause(300);
      tmux("send-keys", "-t", "v", "C-]", "q");
      await until("it is detached again", () => screen().split("left-0").length === 3);
      // Every tick is in the log, once.
      const ticks = [...logOf("c").matchAll(/tick-(\d+)-\r/g)].map(([, n]) => Number(n));
      expect(ticks).toEqual(ticks.map((_, i) => i + 1));
    } finally {
      tmux("kill-server");
      await done("rm", "--force", "c");
    }
  });

  test("004 the control socket by curl, and by a client that is made from its description", async () => {
    using folder = applianceFolder({ "appliance.yaml": MANIFEST });
    await done("create", "d", folder.path);
    await done("start", "d");
    const socket = place("d", "control.sock");
    const { paths } = (await ask(socket, "GET", "/openapi.json")) as { readonly paths: Record<string, Record<string, { readonly operationId: string; readonly parameters: readonly { readonly name: string }[] }>> };
    const call = Object.fromEntries(Object.entries(paths).flatMap(([path, methods]) => Object.entries(methods).map(([method, { operationId, parameters }]) => [operationId, (given: Readonly<Record<string, string>> = {}, body?: object) =>
      ask(socket, method.toUpperCase() as "GET", parameters.reduce((sum, { name }) => sum.replace(`{${name}}`, given[name]!), path), body)])));
    expect(await call["getGuest"]!({ guest: "g" })).toEqual({ name: "g", state: "running", memory: 96 * 2 ** 20, cpus: 1 });
    await call["setGuestState"]!({ guest: "g" }, { state: "paused" });
    expect(await call["listGuests"]!()).toMatchObject([{ state: "paused" }]);
    // Two clients at once: one of them is late.
    const both = await Promise.allSettled([call["setGuestState"]!({ guest: "g" }, { state: "running" }), call["setGuestState"]!({ guest: "g" }, { state: "running" })]);
    expect(both.map(({ status }) => status).sort()).toEqual(["fulfilled", "rejected"]);
    if (findProgram("curl") !== null) {
      const curl = (...args: readonly string[]): string => spawnSync("curl", ["-sS", "--unix-socket", socket, "-w", " %{http_code}", ...args], { encoding: "utf8" }).stdout;
      expect(curl("http://localhost/guests/g")).toMatch(/^\{"name":"g","state":"running",.*\}\n 200$/);
      expect(curl("-X", "PATCH", "-d", '{"state":"paused"}', "http://localhost/guests/g")).toBe(" 204");
      expect(curl("-X", "PATCH", "-d", '{"state":"paused"}', "http://localhost/guests/g")).toMatch(/only one that is running can be paused.* 409$/s);
    }
    // A client that goes away while its snapshot is written: it is written all the same, whole, and others are answered.
    const body = JSON.stringify({ folder: join(state, "cut") });
    const gone = connect(socket, () => gone.write(`POST /guests/g/snapshots HTTP/1.1\r\nHost: x\r\nContent-Length: ${body.length}\r\n\r\n${body}`, () => setTimeout(() => gone.destroy(), 20)));
    await until("it is written", () => existsSync(join(state, "cut")), 30_000);
    expect((await openSnapshot(join(state, "cut"))).guest).toBe("g");
    expect(await call["getGuest"]!({ guest: "g" })).toMatchObject({ name: "g" });
    await call["stop"]!();
    await until("it has stopped", () => !existsSync(socket));
    await done("rm", "d");
  });

  test("005 a machine that cannot start says why, and leaves nothing running", async () => {
    using folder = applianceFolder({ "appliance.yaml": MANIFEST.replace("96MiB", "150MiB") });
    await done("create", "e", folder.path);
    const { status, err } = await vm("start", "e");
    expect(status).not.toBe(0);
    expect(err).toMatch(/the machine 'e' did not start[^]*(do not suffice|does not fit|power of two|multiple)/);
    expect(await list()).toBe("e stopped");
    // One whose description is damaged is named, not started, and can be removed.
    writeFileSync(place("e", "vm.json"), "{");
    expect((await vm("start", "e")).err).toMatch(/the machine 'e' is damaged[^]*vm rm e/);
    await done("rm", "e");
    expect((await vm("start", "e")).err).toMatch(/there is no machine 'e'/);
  });

  test("006 tokens: made whether it runs or not, printed once, kept as hashes over a restart, revoked; clones have none", async () => {
    using folder = applianceFolder({ "appliance.yaml": MANIFEST });
    const [port = 0] = await freePorts(1, "tcp"), shared = join(state, "shared.sock");
    const refused = async (says: RegExp, ...args: readonly string[]): Promise<void> => {
      const { status, err } = await vm(...args);
      expect([status === 0, err], args.join(" ")).toEqual([false, expect.stringMatching(says)]);
    };
    await refused(/there is no machine 't'/, "token", "t");
    await refused(/a number from 1 to 65535/, "create", "--control-port", "0", "t", folder.path);
    await done("create", "--control-port", String(port), "--control-shared", shared, "t", folder.path);
    await refused(/there is no right 'metric'.*metrics/, "token", "t", "--may", "view,metric");
    await refused(/go together/, "token", "t", "--may", "snapshot");
    await refused(/--for 1y is no time/, "token", "t", "--for", "1y");
    const scrape = (await done("token", "t", "--may", "metrics", "--for", "1d", "--label", "prometheus")).trim();
    await done("start", "t");
    const watch = JSON.parse(await done("token", "t", "--json", "--may", "view,life,snapshot,tokens", "--guest", "g", "--below", state)) as { readonly id: string; readonly token: string; readonly below: string };
    await refused(/there is no guest 'x'/, "token", "t", "--guest", "x");
    const get = async (token: string, path: string, more: RequestInit = {}): Promise<readonly [number, string]> => {
      const response = await fetch(`http://127.0.0.1:${port}${path}`, { ...more, headers: { authorization: `Bearer ${token}` } });
      return [response.status, await response.text()];
    };
    expect(await get(scrape, "/metrics")).toEqual([200, expect.stringContaining('bailiwick_guest_up{guest="g"} 1')]);
    expect((await get(scrape, "/guests"))[0]).toBe(403);
    const child = JSON.parse((await get(watch.token, "/tokens", { method: "POST", body: '{"may":["view"]}' }))[1]) as { readonly token: string };
    expect(await get(watch.token, "/guests/g/snapshots", { method: "POST", body: JSON.stringify({ folder: join(state, "by-token") }) })).toEqual([201, expect.stringContaining("by-token")]);
    expect((await openSnapshot(join(state, "by-token"))).guest).toBe("g");
    expect((await get(watch.token, "/guests/g/snapshots", { method: "POST", body: JSON.stringify({ folder: join(state, "bailiwick", "out") }) }))[0]).toBe(403);

    await done("clone", "t", "t2");
    expect(await done("tokens", "t2", "--json")).toBe("[]\n");
    await done("rm", "--force", "t2");
    await done("stop", "--force", "t");
    const listed = await done("tokens", "t");
    expect(listed).toMatch(new RegExp(`^ID +MAY +GUESTS +UNTIL +BELOW +FROM +LABEL\n\\w{12} +metrics +all +\\d{4}-[^\n]*prometheus\n${watch.id} +view,life,snapshot,tokens +g +${state} *\n\\w{12} +view +g +${watch.id}\n$`));
    // Neither a file of the machine's, nor a process's arguments, nor a list has a secret.
    const all = readdirSync(place("t", "")).filter((name) => statSync(place("t", name)).isFile()).map((name) => [name, readFileSync(place("t", name), "latin1")] as const);
    expect(all.find(([name]) => name === "tokens.json")).toBeDefined();
    for (const secret of [scrape, watch.token, child.token]) for (const text of [listed, ...all.map(([, content]) => content)]) expect(text).not.toContain(secret.slice(10));
    expect(statSync(place("t", "tokens.json")).mode & 0o777).toBe(0o600);

    await done("start", "t");
    for (const token of [watch.token, child.token]) expect((await get(token, "/guests"))[0]).toBe(200);
    await refused(/revoked by its ID/, "revoke", "t", watch.token);
    await done("revoke", "t", watch.id);
    for (const token of [watch.token, child.token]) expect((await get(token, "/guests"))[0]).toBe(401);
    await refused(/there is no such token/, "revoke", "t", watch.id);
    expect(spawnSync("curl", ["-sS", "--unix-socket", shared, "-H", `authorization: Bearer ${scrape}`, "http://localhost/metrics"], { encoding: "utf8" }).stdout).toContain("bailiwick_guest_up");
    await done("rm", "--force", "t");
  });
});
