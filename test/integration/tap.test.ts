// TAP interfaces, in a network of their own (network namespace): the real kernel is the neighbour. For who may make one; elsewhere only what is refused is tested.
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, describe, expect, test } from "vitest";
import { openTap } from "../../core/host/tap.ts";
import { tapHelper } from "../../servers/operator/networks.ts";
import { until } from "../support/appliance-run.ts";
import { FrameHost, MAC } from "../support/frame-host.ts";
import { ethernet } from "../support/frames.ts";

const NAME = "bwtap0";
const [THEIRS, OURS] = ["10.9.9.1", "10.9.9.2"];
const folder = mkdtempSync(join(tmpdir(), "bailiwick-tap-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const open: { close(): unknown }[] = [];
afterEach(async () => {
  for (const each of open.splice(0).reverse()) await each.close();
});

function helper(): string {
  try {
    return tapHelper();
  } catch {
    return "";
  }
}
const HELPER = helper();

let count = 0;
/** A helper in a network of its own, after `before` was done there; `beside` is done at the same time, $! being its process. */
function inNamespace(before: string, how = `exec ${HELPER} "$@"`): string {
  const script = join(folder, `namespace-${count++}`);
  writeFileSync(script, `#!/bin/sh\nexport PATH=/usr/sbin:/usr/bin:/sbin:/bin\nexec unshare -n sh -c '${before}; ${how}' sh "$@"\n`, { mode: 0o755 });
  return script;
}
const ADDRESSED = `ip tuntap add dev ${NAME} mode tap && ip address add ${THEIRS}/24 dev ${NAME}`;
const allowed = HELPER !== "" && spawnSync(inNamespace(ADDRESSED), [NAME], { stdio: "ignore" }).status === 0;

async function neighbour(script: string, onLost: (why: string) => void = () => {}): Promise<FrameHost> {
  const backend = await openTap({ helper: script, name: NAME, onLost });
  open.push(backend);
  return new FrameHost(backend, OURS, THEIRS);
}
const refusal = (script: string, name = NAME): Promise<unknown> => openTap({ helper: script, name }).then(({ close }) => close(), (error: unknown) => error);

describe.skipIf(!allowed)("a TAP interface", () => {
  test("the kernel on the other side answers ARP and ping, of up to 1500 bytes", async () => {
    const host = await neighbour(inNamespace(ADDRESSED));
    await host.meet();
    for (const [id, bytes] of [[1, 4], [2, 1472]] as const) {
      host.ping(THEIRS, id, new Array<number>(bytes).fill(id));
      await until("it is answered", () => host.pinged(id));
    }
    expect(host.wrong).toEqual([]);
  });

  test("what the kernel sends beyond 1514 bytes is lost, and nothing else is", async () => {
    const host = await neighbour(inNamespace(`${ADDRESSED} && ip link set ${NAME} mtu 9000`));
    await host.meet();
    // Two fragments whose whole is answered in one packet of more than 1500 bytes.
    const whole = [8, 0, 0, 0, 0, 5, 0, 1, ...new Array<number>(2000).fill(0)];
    const sum = 0xffff - (0x800 + 5 + 1);
    [whole[2], whole[3]] = [sum >> 8, sum & 0xff];
    host.sendIp(1, THEIRS, whole.slice(0, 1480), { id: 7, fragment: 0x2000 });
    host.sendIp(1, THEIRS, whole.slice(1480), { id: 7, fragment: 1480 / 8 });
    host.ping(THEIRS, 6);
    await until("the next is answered", () => host.pinged(6));
    expect(host.pinged(5)).toBe(false);
  });

  test("nonsense does not end it", async () => {
    const lost: string[] = [];
    const host = await neighbour(inNamespace(ADDRESSED), (why) => lost.push(why));
    await host.meet();
    for (let i = 0; i < 2000; i++) host.network.send(ethernet([0xff, 0xff, 0xff, 0xff, 0xff, 0xff], MAC, (i * 7919) & 0xffff, new Array<number>(i % 1500).fill(i & 0xff)));
    await until("it goes on", () => (host.ping(THEIRS, 9), host.pinged(9)));
    expect(lost).toEqual([]);
  });

  test("an interface that is taken away is told, once", async () => {
    const lost: string[] = [];
    const host = await neighbour(inNamespace(`${ADDRESSED}; (sleep 0.5; exec ip link delete ${NAME}) >/dev/null 2>&1 & true`), (why) => lost.push(why));
    await host.meet();
    await until("it is told", () => lost.length > 0);
    expect(lost).toEqual([`the helper of TAP interface ${NAME} has ended (the interface is gone): the network is gone until the next run`]);
  });

  test("in use, no TAP interface, and not for this user: the error says so, and what to do", async () => {
    // Another helper has it: in the same network, so this one is started by the first's script.
    const busy = inNamespace(`${ADDRESSED}; (sleep 3 | ${HELPER} ${NAME} >/dev/null) 2>/dev/null & sleep 0.5`);
    expect(await refusal(busy)).toMatchObject({ message: `TAP interface ${NAME} cannot be used: another program has it`, fix: "end that program, or take another interface" });
    expect(await refusal(inNamespace("true"), "lo")).toMatchObject({ message: expect.stringContaining("that is no TAP interface"), fix: expect.stringContaining("another name") });
    const nobody = inNamespace(ADDRESSED, `exec setpriv --reuid 65534 --clear-groups ${HELPER} "$@"`);
    expect(await refusal(nobody)).toMatchObject({ name: "NetworkError", message: expect.stringMatching(/is not for this user|this user may not (use it|change that)/), fix: expect.stringContaining("sudo ") });
  });
});

test.skipIf(HELPER === "")("a name that is none is refused before anything is opened", async () => {
  for (const name of ["", "tap%d", "a-name-that-is-too-long"]) expect(await refusal(HELPER, name)).toMatchObject({ name: "NetworkError" });
});
