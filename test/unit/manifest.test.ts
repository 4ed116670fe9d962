import { describe, expect, it } from "vitest";
import fc from "fast-check";
import { Right } from "../../caps/abi/numbers.ts";
import { AddressMap, BIG_FILE_BYTES, REGION_ALIGN, placeUses, useRecords, type ResolvedSystem } from "../../caps/image/system.ts";
import { formatDiagnostics, type Diagnostic } from "../../caps/manifest/diagnostic.ts";
import { nearest } from "../../caps/manifest/nearest.ts";
import { startOrder } from "../../caps/manifest/order.ts";
import { parseManifest } from "../../caps/manifest/parse.ts";
import { resolveManifest, type Resolution } from "../../caps/manifest/resolve.ts";
import type { Resources } from "../../caps/manifest/resources.ts";
import { manifestJsonSchema } from "../../caps/manifest/schema.ts";
import { formatSize, parseDuration, parseSize } from "../../caps/manifest/units.ts";

const MIB = 1024 ** 2;

const RESOURCES: Resources = {
  boards: new Map([
    [
      "virt-rv64",
      {
        devices: new Map([
          ["uart0", { physical: 0x1000_0000, bytes: 4096, irq: 10, dma: false }],
          ["rng0", { physical: 0x1000_1000, bytes: 4096, irq: 1, dma: true }],
          ["gpu0", { physical: 0x1000_5000, bytes: 4096, irq: 13, dma: true }],
          ["con0", { physical: 0x1000_2000, bytes: 4096, irq: 6, dma: true }],
          ["net0", { physical: 0x1000_a000, bytes: 4096, irq: 7, dma: true }],
          ["lamp0", { physical: 0x1000_3000, bytes: 8192, dma: false }],
        ]),
        disks: ["blk0"], networks: ["net0", "net1"], terminals: ["uart0", "con0"], display: ["gpu0"], minMemory: 16 * MIB,
        maxMemory: 4096 * MIB,
        reserved: 8 * MIB,
      },
    ],
  ]),
  servers: new Map([
    ["console", "machine"],
    ["vmm", "hosted"],
    ["timer", "hosted"],
  ]),
  protocols: new Map([["Console", { sendsCapabilities: true, gives: false, passes: false }], ["Timer", { sendsCapabilities: false, gives: false, passes: false, quota: { by: ["timer"], counts: { perSecond: "questions", bytes: "answers" } } }]]),
  guests: new Map([
    ["linux", { cmdline: "console=hvc0", initrd: true }],
    ["bare", { cmdline: "", initrd: false }],
  ]),
};

const HEAD = `apiVersion: bailiwick/1
kind: Appliance
name: test
version: 0.1.0
platform: { board: virt-rv64, memory: 64MiB }
`;
const CONSOLE = `  console:
    image: { server: console }
    use: { regs: platform.uart0.regs, irq: platform.uart0.irq }
    offer: { console: Console }
`;

function resolveText(text: string): Resolution {
  const parsed = parseManifest(text, "a.yaml");
  if (!parsed.ok) throw new Error(formatDiagnostics(parsed.diagnostics));
  const resolved = resolveManifest(parsed.value, RESOURCES);
  if (!resolved.ok) throw new Error(formatDiagnostics(resolved.diagnostics));
  return resolved.value;
}

/** Every diagnostic of a manifest that must be refused. */
function refusals(text: string): readonly Diagnostic[] {
  const parsed = parseManifest(text, "a.yaml");
  if (!parsed.ok) return parsed.diagnostics;
  const resolved = resolveManifest(parsed.value, RESOURCES);
  if (resolved.ok) throw new Error("the manifest was accepted");
  return resolved.diagnostics;
}

const component = (resolution: { system: ResolvedSystem }, name: string) => {
  const found = resolution.system.components.find((candidate) => candidate.name === name);
  if (found === undefined) throw new Error(`no component ${name}`);
  return found;
};

describe("the terminal", () => {
  const driver = (device: string) => `components:\n  console: { image: { server: console }, use: { regs: platform.${device}.regs }, essential: true }\n`;
  const headed = (terminal: string) => HEAD.replace(/memory: [0-9A-Za-z]+/, `$&, terminal: ${terminal}`);

  it("is behind uart0, or where the manifest says", () => {
    expect(resolveText(HEAD + driver("uart0")).terminal).toBe("uart0");
    expect(resolveText(headed("con0") + driver("con0")).terminal).toBe("con0");
  });

  it("is what the driver of a serial device drives: a driver of the other one is refused, and so is a device that takes none", () => {
    for (const text of [HEAD + driver("con0"), headed("con0") + driver("uart0")]) {
      expect(refusals(text)).toMatchObject([{ message: expect.stringMatching(/there is no terminal behind (con0|uart0), which 'console' drives/), fix: expect.stringMatching(/platform\.terminal: (con0|uart0)$/) }]);
    }
    expect(refusals(headed("rng0") + driver("rng0"))).toMatchObject([{ message: expect.stringContaining("rng0") }]);
  });
});

describe("networks", () => {
  const networks = (text: string) => `${HEAD.replace("memory: 64MiB", `$&, networks: ${text}`)}${BODY}`;
  const BODY = "components:\n  client: { image: { c: client.c }, essential: true }\n";
  const cable = (listen: string, peer: string) => `{ net0: { cable: { listen: ${listen}, peer: ${peer} } } }`;
  const user = (more: string) => `{ net0: { user: { ${more} } } }`;

  it("are none by default, a cable, a user network or a TAP interface", () => {
    expect(resolveText(HEAD + BODY).networks).toEqual([]);
    expect(resolveText(networks(`{ net0: { cable: { listen: "127.0.0.1:9001", peer: "10.1.2.3:9002" } }, net1: { user: {} } }`)).networks).toEqual([
      { device: "net0", kind: "cable", listen: { address: "127.0.0.1", port: 9001 }, peer: { address: "10.1.2.3", port: 9002 } },
      { device: "net1", kind: "user", hosts: "loopback", forward: [] },
    ]);
    expect(resolveText(networks("{ net0: { tap: bw0 } }")).networks).toEqual([{ device: "net0", kind: "tap", name: "bw0" }]);
    expect(resolveText(networks(cable('"9001"', '"65535"'))).networks).toMatchObject([{ listen: { address: "127.0.0.1", port: 9001 }, peer: { address: "127.0.0.1", port: 65535 } }]);
    expect(resolveText(networks(cable('"[::1]:9001"', '"[fe80::1]:9002"'))).networks).toMatchObject([{ listen: { address: "::1", port: 9001 }, peer: { address: "fe80::1", port: 9002 } }]);
    expect(resolveText(networks(user('hosts: any, forward: ["tcp:8080:80", "udp:0.0.0.0:53:5353", "udp:8080:80"]'))).networks).toEqual([
      {
        device: "net0", kind: "user", hosts: "any",
        forward: [
          { protocol: "tcp", host: { address: "127.0.0.1", port: 8080 }, port: 80 },
          { protocol: "udp", host: { address: "0.0.0.0", port: 53 }, port: 5353 },
          { protocol: "udp", host: { address: "127.0.0.1", port: 8080 }, port: 80 },
        ],
      },
    ]);
  });

  it.each([
    ["neither", "{ net0: {} }", /exactly one of cable, user, tap/],
    ["both", `{ net0: { cable: { listen: "9001", peer: "9002" }, user: {} } }`, /exactly one of cable, user, tap/],
    ["an interface's name too long", "{ net0: { tap: abcdefghijklmnop } }", /the name of an interface/],
    ["an interface's name with a format in it", `{ net0: { tap: "tap%d" } }`, /the name of an interface/],
    ["an interface twice", "{ net0: { tap: bw0 }, net1: { tap: bw0 } }", /the interface bw0 is taken twice/],
    ["a port of 0", cable('"127.0.0.1:0"', '"9002"'), /1 to 65535/],
    ["a port too large", cable('"127.0.0.1:65536"', '"9002"'), /1 to 65535/],
    ["an octet too large", cable('"127.0.0.256:9001"', '"9002"'), /an address of this computer/],
    ["a name", cable('"localhost:9001"', '"9002"'), /an address of this computer/],
    ["a number", cable("9001", '"9002"'), /an address of this computer/],
    ["two ends that are one", cable('"9001"', '"127.0.0.1:9001"'), /a cable has two ends/],
    ["ends of two kinds", cable('"9001"', '"[::1]:9002"'), /both IPv4, or both IPv6/],
    ["an unknown key", `{ net0: { user: { host: any } } }`, /host/],
    ["unknown hosts", user("hosts: all"), /none/],
    ["a forward of another protocol", user('forward: ["sctp:127.0.0.1:8080:80"]'), /tcp or udp/],
    ["a forward without its inner port", user('forward: ["tcp:8080"]'), /tcp or udp/],
    ["a forward's port too large", user('forward: ["tcp:127.0.0.1:8080:99999"]'), /1 to 65535/],
    ["a forward with words in it", user('forward: ["tcp:127.0.0.1:8080:80; reboot"]'), /tcp or udp/],
    ["udp that could not be answered", user('forward: ["udp:0.0.0.0:53:53"]'), /hosts: any/],
    ["udp with nobody to speak to", user('hosts: none, forward: ["udp:5353:53"]'), /no udp with 'hosts: none'/],
    ["too many forwards", user(`forward: [${Array.from({ length: 65 }, (_, i) => `"tcp:${8000 + i}:80"`).join(", ")}]`), /at most 64/],
  ])("refuses %s", (_, text, message) => {
    const found = refusals(networks(text));
    expect(found).toHaveLength(1);
    expect(formatDiagnostics(found)).toMatch(message);
  });

  it("are behind devices that take one; and each port of the computer is asked for once", () => {
    expect(refusals(networks("{ blk0: { user: {} } }"))).toMatchObject([{ code: "BW0201", message: "there is no device for a network 'blk0'" }]);
    expect(refusals(networks(`{ net0: { user: { forward: ["tcp:8080:80"] } }, net1: { user: { forward: ["tcp:127.0.0.1:8080:81"] } } }`))).toMatchObject([
      { code: "BW0202", message: "127.0.0.1:8080 (tcp) is taken twice", cause: "net0 has it already" },
    ]);
    expect(refusals(networks(`{ net0: { cable: { listen: "9001", peer: "9002" } }, net1: { cable: { listen: "9001", peer: "9003" } } }`))).toMatchObject([{ code: "BW0202" }]);
  });

  it("are there for every driver of a network device", () => {
    const driver = `${BODY}  nic: { image: { c: nic.c }, use: { regs: platform.net0.regs } }\n`;
    expect(refusals(HEAD + driver)).toMatchObject([{ code: "BW0201", message: "there is no network behind net0, which 'nic' drives", fix: expect.stringContaining("platform.networks: { net0:") }]);
    expect(resolveText(networks("{ net0: { user: {} } }").replace(BODY, driver)).networks).toHaveLength(1);
  });

  it("are in the JSON Schema", () => {
    expect(JSON.stringify(manifestJsonSchema())).toContain('"enum":["none","loopback","any"]');
  });
});

describe("the display", () => {
  const driver = "components:\n  gpu: { image: { server: console }, use: { regs: platform.gpu0.regs }, essential: true }\n";
  const headed = (display: string) => HEAD.replace(/memory: [0-9A-Za-z]+/, `$&, display: ${display}`);

  it("has the size that the manifest says, or the usual one; without it there is none", () => {
    expect(resolveText(headed("{ width: 640, height: 480 }") + driver).display).toEqual({ width: 640, height: 480 });
    expect(resolveText(headed("{}") + driver).display).toEqual({ width: 1024, height: 768 });
    expect(resolveText(HEAD + driver.replace("gpu0", "uart0")).display).toBeUndefined();
  });

  it("is there for its driver, and of a size that can be", () => {
    expect(refusals(HEAD + driver)).toMatchObject([{ message: "there is no display for gpu0, which 'gpu' drives", fix: expect.stringContaining("platform.display: { width: 1024, height: 768 }") }]);
    for (const size of ["{ width: 15 }", "{ width: 3841 }", "{ height: 2161 }", "{ height: 10.5 }", "{ height: all }", "{ depth: 8 }", "big"]) expect(refusals(headed(size) + driver).length).toBeGreaterThan(0);
  });
});

describe("a right manifest", () => {
  const text = `${HEAD}components:
  client:
    image: { c: [client.c, more.c] }
    memory: 300KiB
    stack: 128KiB
    slots: 4096
    cpu: { priority: 50, budget: 2ms, period: 20ms }
    use:
      out: console.console
      tick: { from: clock.timer, rights: [send] }
      lamp: platform.lamp0.regs
    args: { greeting: [hello, 1, null, true] }
    essential: true
${CONSOLE}  clock:
    image: { ts: clock.ts }
    use: { out: console.console, entropy: platform.rng0.iospace, ring: platform.rng0.irq }
    offer: { other: Timer, timer: Timer }
`;
  const resolution = resolveText(text);

  it("starts servers before their clients, and numbers components in start order", () => {
    expect(resolution.system.components.map(({ name, number }) => [name, number])).toEqual([["console", 1], ["clock", 2], ["client", 3]]);
  });

  it("carries what the manifest says", () => {
    expect(component(resolution, "client")).toMatchObject({
      program: { kind: "machine", file: "component/client.elf" },
      memory: 512 * 1024,
      stack: 128 * 1024,
      slots: 4096,
      cpu: { priority: 50, budget: 2000, period: 20_000 },
      args: { greeting: ["hello", 1, null, true] },
      essential: true,
    });
    expect(resolution.system).toMatchObject({ name: "test", version: "0.1.0", board: "virt-rv64", memory: 64 * MIB });
    expect(resolution.programs.find(({ component: name }) => name === "client")?.image).toEqual({ kind: "c", files: ["client.c", "more.c"] });
  });

  it("fills in the defaults", () => {
    expect(component(resolution, "console")).toMatchObject({ memory: MIB, stack: 64 * 1024, slots: 256, cpu: { priority: 100, budget: 10_000, period: 10_000 }, args: null, essential: false });
    expect(component(resolution, "clock")).toMatchObject({ program: { kind: "hosted", file: "component/clock.js" }, stack: 0 });
  });

  it("gives a client one number at a server, and an offer its index", () => {
    expect(component(resolution, "client").uses[1]).toEqual({ name: "tick", kind: "endpoint", from: "clock", offer: 1, badge: 0x1_0001, rights: Right.Write });
    const badges = ["client", "clock"].map((name) => component(resolution, name).uses.find(({ name: use }) => use === "out"));
    expect(badges.map((use) => use?.kind === "endpoint" && use.badge).sort()).toEqual([1, 2]);
  });

  it("gives the rights that the protocol's requests need when none are named", () => {
    const use = component(resolution, "client").uses[0];
    expect(use?.kind === "endpoint" && use.rights).toBe(Right.Write | Right.GrantReply | Right.Grant);
    const plain = resolveText(`${HEAD}components:\n  s: { image: { ts: s.ts }, offer: { t: Timer } }\n  c: { image: { ts: c.ts }, use: { t: s.t }, essential: true }\n`);
    const timer = component(plain, "c").uses[0];
    expect(timer?.kind === "endpoint" && timer.rights).toBe(Right.Write | Right.GrantReply);
  });

  it("names devices, interrupts and I/O spaces", () => {
    expect(component(resolution, "console").uses).toEqual([
      { name: "regs", kind: "device", device: "uart0", physical: 0x1000_0000, address: 0, bytes: 4096 },
      { name: "irq", kind: "irq", device: "uart0", irq: 10, badge: 2 ** 32 },
    ]);
    expect(component(resolution, "clock").uses[1]).toEqual({ name: "entropy", kind: "iospace", device: "rng0" });
  });

  it("gives the right to hand out CPU time to one component, by name", () => {
    const scheduler = (other: string): string => `${HEAD}components:\n  a: { image: { c: a.c }, use: { time: platform.cpu.time }, essential: true }\n${other}`;
    expect(component(resolveText(scheduler("")), "a").uses).toEqual([{ name: "time", kind: "schedcontrol" }]);
    expect(formatDiagnostics(refusals(scheduler("  b: { image: { c: b.c }, use: { time: platform.cpu.time } }\n")))).toMatch(/used twice/);
    expect(formatDiagnostics(refusals(scheduler("  b: { image: { c: b.c }, use: { time: platform.cpu.tea } }\n")))).toMatch(/part of platform.cpu/);
  });

  it("gives what the firmware gives: as files, each to one component", () => {
    const vault = (other: string): string => `${HEAD}components:\n  a: { image: { c: a.c }, use: { list: platform.measurements, secret: platform.secret }, essential: true }\n${other}`;
    expect(resolveText(vault("")).system.components[0]?.uses).toEqual([
      { name: "list", kind: "file", file: "platform.measurements", address: 0, bytes: 0 }, { name: "secret", kind: "file", file: "platform.secret", address: 0, bytes: 0 },
    ]);
    expect(formatDiagnostics(refusals(vault("  b: { image: { c: b.c }, use: { secret: platform.secret } }\n")))).toMatch(/platform\.secret is used twice[^]*let one component have it/);
    expect(formatDiagnostics(refusals(vault("  b: { image: { c: b.c }, use: { secret: platform.secrets } }\n")))).toMatch(/did you mean 'secret'/);
    expect(formatDiagnostics(refusals(vault("  b: { image: { c: b.c }, use: { secret: platform.secret.part } }\n")))).toMatch(/secret/);
    expect(formatDiagnostics(refusals(`${HEAD}components:\n  a: { image: { c: a.c }, use: { s: { from: platform.secret, rights: [call] } }, essential: true }\n`))).toMatch(/has no rights to choose from/);
  });

  it("is the same for the same text", () => {
    expect(JSON.stringify(resolveText(text))).toBe(JSON.stringify(resolution));
  });

  it("becomes plain JSON", () => {
    expect(JSON.parse(JSON.stringify(resolution.system))).toEqual(resolution.system);
  });

  it("is carried to 62 components that use each other in a chain, last first", () => {
    const links = Array.from({ length: 61 }, (_, i) => `  c${i}: { image: { ts: a.ts }, memory: 64KiB, use: { next: c${i + 1}.x }, offer: { x: Timer }${i === 0 ? ", essential: true" : ""} }`);
    const { system } = resolveText(`${HEAD}components:\n${links.join("\n")}\n  c61: { image: { ts: a.ts }, offer: { x: Timer } }\n`);
    expect(system.components.map(({ name }) => name)).toEqual(Array.from({ length: 62 }, (_, i) => `c${61 - i}`));
  });
});

describe("guests", () => {
  const text = `${HEAD.replace("64MiB", "256MiB")}components:
${CONSOLE}guests:
  debian: { image: linux, memory: 128MiB, console: console.console, cpu: { priority: 20 } }
`;
  it("become VMM components with the guest's parts", () => {
    const resolution = resolveText(text);
    const vmm = component(resolution, "debian");
    expect(vmm).toMatchObject({ program: { kind: "hosted", file: "server/vmm.js" }, guest: "debian", essential: true, cpu: { priority: 20 }, args: { name: "debian", ramBytes: 128 * MIB, cmdline: "console=hvc0" } });
    expect(vmm.uses.map(({ name, kind }) => `${name}:${kind}`)).toEqual(["vcpu:vcpu", "ram:ram", "kernel:file", "initrd:file", "console:endpoint"]);
    expect(resolution.guests).toEqual([{ guest: "debian", image: { kind: "shipped", name: "linux" }, kernel: "guest/linux.kernel", initrd: "guest/linux.initrd", ramBytes: 128 * MIB }]);
    expect(resolution.programs.map(({ file }) => file)).toContain("server/vmm.js");
  });

  it("of the same image share its files and the VMM's text", () => {
    const resolution = resolveText(`${HEAD.replace("64MiB", "256MiB")}components:\n${CONSOLE}guests:\n  one: { image: bare, memory: 32MiB, console: console.console, essential: true }\n  two: { image: bare, memory: 32MiB, console: console.console }\n`);
    expect(new Set(resolution.guests.map(({ kernel }) => kernel))).toEqual(new Set(["guest/bare.kernel"]));
    expect(resolution.programs.filter(({ file }) => file === "server/vmm.js")).toHaveLength(1);
    expect(component(resolution, "two").essential).toBe(false);
  });

  it("of several CPUs have a VCPU for each, and a VMM with memory for them", () => {
    const guest = (cpus: string) => component(resolveText(`${HEAD.replace("64MiB", "256MiB")}components:\n${CONSOLE}guests:\n  g: { image: bare, memory: 32MiB${cpus}, console: console.console }\n`), "g");
    const names = (cpus: string) => guest(cpus).uses.filter(({ kind }) => kind === "vcpu").map(({ name }) => name);
    expect([names(""), names(", cpus: 1"), names(", cpus: 3")]).toEqual([["vcpu"], ["vcpu"], ["vcpu", "vcpu1", "vcpu2"]]);
    expect([guest("").memory, guest(", cpus: 3").memory]).toEqual([4 * MIB, 8 * MIB]);
    expect([guest("").args, guest(", cpus: 3").args]).toEqual([expect.not.objectContaining({ cpus: expect.anything() }), expect.objectContaining({ cpus: 3 })]);
  });

  it("of the user's own files have them named", () => {
    const resolution = resolveText(`${HEAD.replace("64MiB", "256MiB")}components:\n${CONSOLE}guests:\n  own: { image: { kernel: Image, initrd: root.cpio }, memory: 32MiB, console: console.console, cmdline: "a b" }\n`);
    expect(resolution.guests[0]).toMatchObject({ kernel: "guest/own.own.kernel", initrd: "guest/own.own.initrd" });
    expect(component(resolution, "own").args).toMatchObject({ cmdline: "a b" });
  });

  it("have a clock, a window and a balloon when they are given them, and else none", () => {
    const wall = "  wall: { image: { server: timer }, offer: { timer: Timer } }\n  screen: { image: { c: s.c }, offer: { window: Display } }\n";
    const resolution = resolveText(`${HEAD.replace("64MiB", "256MiB")}components:\n${CONSOLE}${wall}guests:\n  g: { image: bare, memory: 32MiB, console: console.console, clock: wall.timer, display: screen.window, balloon: 4MiB }\n`);
    const vmm = component(resolution, "g");
    expect(vmm.uses.map(({ name, kind }) => `${name}:${kind}`).slice(-3)).toEqual(["console:endpoint", "clock:endpoint", "display:endpoint"]);
    expect(vmm.args).toEqual({ name: "g", ramBytes: 32 * MIB, cmdline: "", balloon: 4 * MIB });
    expect(Object.keys(component(resolveText(text), "debian").args as object)).not.toContain("balloon");
  });
});

describe("programs", () => {
  const CARRIED = "programs:\n  classifier: { image: { c: classifier.c } }\n  parser: { image: { elf: parser.elf }, confined: true }\n";
  const reader = (use: string): string => `${HEAD}components:\n  a: { image: { c: a.c }, use: ${use}, essential: true }\n  b: { image: { ts: b.ts }, use: { product: programs.classifier } }\n`;

  it("are files for the components that use them, and built once", () => {
    const resolution = resolveText(reader("{ product: programs.classifier, again: { from: programs.classifier } }") + CARRIED);
    const file = (name: string) => ({ name, kind: "file", file: "program/classifier.elf", address: 0, bytes: 0 });
    expect(component(resolution, "a").uses).toEqual([file("product"), file("again")]);
    expect(component(resolution, "b").uses).toEqual([file("product")]);
    expect(resolution.carried).toEqual([
      { name: "classifier", file: "program/classifier.elf", image: { kind: "c", files: ["classifier.c"] }, confined: false, users: ["a", "b"] },
      { name: "parser", file: "program/parser.elf", image: { kind: "elf", file: "parser.elf" }, confined: true, users: [] },
    ]);
    expect(resolution.programs.map(({ file }) => file)).toEqual(["component/a.elf", "component/b.js"]);
  });

  it("are confined where the manifest says so, as components are", () => {
    const { programs } = resolveText(`${HEAD}components:\n  a: { image: { c: a.c }, confined: true, essential: true }\n  b: { image: { c: b.c } }\n`);
    expect(programs.map(({ component: name, confined }) => [name, confined])).toEqual([["a", true], ["b", false]]);
  });

  it("have names of their own: a component may have the same", () => {
    const resolution = resolveText(`${reader("{}")}  classifier: { image: { c: c.c } }\n${CARRIED}`);
    expect(resolution.programs.map(({ file }) => file)).toContain("component/classifier.elf");
    expect(resolution.carried[0]?.file).toBe("program/classifier.elf");
  });
});

describe("placing", () => {
  const system = resolveText(`${HEAD.replace("64MiB", "256MiB")}components:\n${CONSOLE}guests:\n  g: { image: linux, memory: 128MiB, console: console.console }\n`).system;
  const sizes = new Map([["guest/linux.kernel", 30 * MIB + 5], ["guest/linux.initrd", BIG_FILE_BYTES - 1]]);

  it("puts guest RAM and big files high, small things low, each on 2 MiB and none over another", () => {
    const placed = placeUses(system, (file) => sizes.get(file));
    for (const { uses } of placed.components) {
      const ranges = uses.flatMap((use) => ("address" in use ? [[use.address, use.address + use.bytes] as const] : [])).sort(([a], [b]) => a - b);
      for (const [i, [from]] of ranges.entries()) {
        expect(from % REGION_ALIGN).toBe(0);
        expect(from).toBeGreaterThanOrEqual(ranges[i - 1]?.[1] ?? 0);
      }
    }
    const records = useRecords(component({ system: placed }, "g").uses);
    expect(records["ram"]).toEqual({ cap: 0, address: AddressMap.BIG_REGIONS, bytes: 128 * MIB, badge: 0 });
    expect(records["kernel"]).toEqual({ cap: 0, address: AddressMap.BIG_REGIONS + 128 * MIB, bytes: 30 * MIB + 5, badge: 0 });
    expect(records["initrd"]).toEqual({ cap: 0, address: AddressMap.REGIONS, bytes: BIG_FILE_BYTES - 1, badge: 0 });
    expect(records["vcpu"]).toEqual({ cap: 16, address: 0, bytes: 0, badge: 0 });
    expect(records["console"]).toMatchObject({ cap: 20, badge: 1 });
    expect(useRecords(component({ system: placed }, "console").uses)["irq"]).toEqual({ cap: 17, address: 0, bytes: 0, badge: 2 ** 32 });
  });
});

describe("a wrong manifest is refused, with the place and a fix", () => {
  const ESSENTIAL = "\n    essential: true\n";
  const cases: readonly [what: string, code: string, text: string, place: string, said: RegExp][] = [
    ["that is not YAML", "BW0101", `${HEAD}components: [}`, "6:", /YAML/],
    ["with an unknown tag", "BW0101", `${HEAD}components: !!js/function x`, "6:", /tag/i],
    ["of two documents", "BW0101", `${HEAD}---\n${HEAD}`, "6:1", /document/],
    ["that is empty", "BW0111", "# nothing\n", "1:1", /empty/],
    ["that is a text", "BW0112", "hello", "1:1", /map/],
    ["with a key twice", "BW0102", `${HEAD}name: again\n`, "6:1", /above/],
    ["with a misspelt key", "BW0110", `${HEAD}components:\n  a:\n    image: { ts: a.ts }\n    memroy: 1MiB\n`, "9:5", /did you mean 'memory'/],
    ["with a misspelt key in a guest's image", "BW0110", `${HEAD}guests:\n  g: { image: { kernal: x }, memory: 16MiB, console: a.b }\n`, "7:17", /did you mean 'kernel'/],
    ["without a key it needs", "BW0111", `${HEAD}components:\n  a: { memory: 1MiB }\n`, "7:3", /components\.a\.image is missing/],
    ["without its name", "BW0111", HEAD.replace("name: test\n", ""), "1:1", /name is missing/],
    ["of another version", "BW0112", HEAD.replace("bailiwick/1", "bailiwick/2"), "1:13", /must be bailiwick\/1/],
    ["with a number for a version", "BW0112", HEAD.replace("0.1.0", "0.1"), "4:10", /quotes|dots/],
    ["with a size without unit", "BW0112", `${HEAD}components:\n  a: { image: { ts: a.ts }, memory: 1048576 }\n`, "7:37", /unit/],
    ["with a decimal unit", "BW0112", `${HEAD}components:\n  a: { image: { ts: a.ts }, memory: 1MB }\n`, "7:37", /KiB/],
    ["with too little memory", "BW0112", `${HEAD}components:\n  a: { image: { ts: a.ts }, memory: 4KiB }\n`, "7:37", /64KiB/],
    ["with a budget beyond its period", "BW0112", `${HEAD}components:\n  a: { image: { ts: a.ts }, cpu: { budget: 20ms } }\n`, "7:44", /no longer than the period/],
    ["with a priority of 255", "BW0112", `${HEAD}components:\n  a: { image: { ts: a.ts }, cpu: { priority: 255 } }\n`, "7:46", /at most 254/],
    ["with two images", "BW0112", `${HEAD}components:\n  a: { image: { ts: a.ts, c: a.c } }\n`, "7:15", /exactly one/],
    ["with a stack of a page and a half", "BW0112", `${HEAD}components:\n  a: { image: { c: a.c }, stack: 6KiB }\n`, "7:34", /multiple of 4KiB/],
    ["with a stack for a hosted program", "BW0112", `${HEAD}components:\n  a:\n    image: { ts: a.ts }\n    stack: 64KiB${ESSENTIAL}`, "9:12", /machine programs/],
    ["with 1000 slots", "BW0112", `${HEAD}components:\n  a: { image: { c: a.c }, slots: 1000 }\n`, "7:34", /components\.a\.slots[^]*power of two/],
    ["with 128 slots", "BW0112", `${HEAD}components:\n  a: { image: { c: a.c }, slots: 128 }\n`, "7:34", /at least 256/],
    ["with half a million slots", "BW0112", `${HEAD}components:\n  a: { image: { c: a.c }, slots: 524288 }\n`, "7:34", /at most 262144/],
    ["with a part of a slot", "BW0112", `${HEAD}components:\n  a: { image: { c: a.c }, slots: 256.5 }\n`, "7:34", /whole number/],
    ["with slots that have a unit", "BW0112", `${HEAD}components:\n  a: { image: { c: a.c }, slots: 4KiB }\n`, "7:34", /number/],
    ["with a guest of nine CPUs", "BW0112", `${HEAD}components:\n${CONSOLE}guests:\n  g: { image: bare, memory: 16MiB, cpus: 9, console: console.console }\n`, "12:42", /8/],
    ["with a guest's RAM of 17 MiB", "BW0112", `${HEAD}components:\n${CONSOLE}guests:\n  g: { image: bare, memory: 17MiB, console: console.console }\n`, "12:29", /multiple of 2MiB/],
    ["with a balloon of a page and a half", "BW0112", `${HEAD}components:\n${CONSOLE}guests:\n  g: { image: bare, memory: 18MiB, balloon: 6KiB, console: console.console }\n`, "12:45", /multiple of 4KiB/],
    ["with a balloon that leaves a guest nothing", "BW0112", `${HEAD}components:\n${CONSOLE}guests:\n  g: { image: bare, memory: 18MiB, balloon: 18MiB, console: console.console }\n`, "12:45", /less than 'memory'/],
    ["with a guest whose clock is a console", "BW0207", `${HEAD}components:\n${CONSOLE}guests:\n  g: { image: bare, memory: 16MiB, console: console.console, clock: console.console }\n`, "12:69", /must be Timer/],
    ["with a misspelt key for an image", "BW0110", `${HEAD}components:\n  a: { image: { sever: console } }\n`, "7:17", /did you mean 'server'/],
    ["with a program of TypeScript", "BW0110", `${HEAD}components:\n${CONSOLE}programs:\n  p: { image: { ts: p.ts } }\n`, "12:17", /one of: c, elf/],
    ["with a program of two images", "BW0112", `${HEAD}components:\n${CONSOLE}programs:\n  p: { image: { c: p.c, elf: p.elf } }\n`, "12:15", /exactly one of c, elf/],
    ["with a program that has uses", "BW0110", `${HEAD}components:\n${CONSOLE}programs:\n  p: { image: { c: p.c }, use: {} }\n`, "12:27", /no such key/],
    ["with a component confined to something", "BW0112", `${HEAD}components:\n  a: { image: { c: a.c }, confined: yes please }\n`, "7:37", /true or false/],
    ["with a guest that is confined", "BW0110", `${HEAD}components:\n${CONSOLE}guests:\n  g: { image: bare, memory: 16MiB, console: console.console, confined: true }\n`, "12:62", /no such key/],
    ["with NaN in args", "BW0112", `${HEAD}components:\n  a: { image: { ts: a.ts }, args: [.nan] }\n`, "7:36", /./],
    ["with a capital in a name", "BW0113", `${HEAD}components:\n  Abc: { image: { ts: a.ts } }\n`, "7:3", /small letter/],
    ["with a name of 24 letters", "BW0113", `${HEAD}components:\n  ${"a".repeat(24)}: { image: { ts: a.ts } }\n`, "7:3", /at most 23/],
    ["with a use that is no identifier", "BW0113", `${HEAD}components:\n  a: { image: { ts: a.ts }, use: { a-b: c.d } }\n`, "7:36", /identifier/],
    ["with __proto__ for a name", "BW0113", `${HEAD}components:\n  __proto__: { image: { ts: a.ts } }\n`, "7:3", /never/],
    ["with __proto__ by an escape", "BW0113", `${HEAD}components:\n  "\\x5f_proto__": { image: { ts: a.ts } }\n`, "7:3", /never/],
    ["with __proto__ in args", "BW0113", `${HEAD}components:\n  a: { image: { ts: a.ts }, args: { x: { __proto__: 1 } } }\n`, "7:42", /never/],
    ["with a reserved name", "BW0113", `${HEAD}components:\n  platform:\n    image: { ts: a.ts }${ESSENTIAL}`, "7:3", /reserved/],
    ["with a component named programs", "BW0113", `${HEAD}components:\n  programs:\n    image: { ts: a.ts }${ESSENTIAL}`, "7:3", /reserved/],
    ["with a name for a component and a guest", "BW0113", `${HEAD.replace("64MiB", "128MiB")}components:\n${CONSOLE}guests:\n  console: { image: bare, memory: 16MiB, console: console.console }\n`, "12:3", /already/],
    ["on an unknown board", "BW0201", `${HEAD.replace("virt-rv64", "virt-rv46")}components:\n  a:\n    image: { ts: a.ts }${ESSENTIAL}`, "5:20", /did you mean 'virt-rv64'/],
    ["with an unknown server", "BW0201", `${HEAD}components:\n  a:\n    image: { server: consol }${ESSENTIAL}`, "8:22", /did you mean 'console'/],
    ["with an unknown guest", "BW0201", `${HEAD}components:\n${CONSOLE}guests:\n  g: { image: lunix, memory: 16MiB, console: console.console }\n`, "12:15", /did you mean 'linux'/],
    ["that uses an unknown component", "BW0201", `${HEAD}components:\n${CONSOLE}  a:\n    image: { ts: a.ts }\n    use: { out: consloe.console }${ESSENTIAL}`, "13:17", /did you mean 'console'/],
    ["that uses an unknown offer", "BW0201", `${HEAD}components:\n${CONSOLE}  a:\n    image: { ts: a.ts }\n    use: { out: { from: console.consol } }${ESSENTIAL}`, "13:25", /did you mean 'console'/],
    ["that uses one who offers nothing", "BW0201", `${HEAD}components:\n  b: { image: { ts: b.ts } }\n  a:\n    image: { ts: a.ts }\n    use: { out: b.x }${ESSENTIAL}`, "10:17", /offers nothing/],
    ["that uses the prototype of all objects", "BW0201", `${HEAD}components:\n  a:\n    image: { ts: a.ts }\n    use: { out: constructor.prototype }${ESSENTIAL}`, "9:17", /no component 'constructor'/],
    ["that uses an unknown device", "BW0201", `${HEAD}components:\n  a:\n    image: { ts: a.ts }\n    use: { x: platform.uart1.regs }${ESSENTIAL}`, "9:15", /did you mean 'uart0'/],
    ["that uses a part a device has not", "BW0201", `${HEAD}components:\n  a:\n    image: { ts: a.ts }\n    use: { x: platform.uart0.iospace }${ESSENTIAL}`, "9:15", /regs, irq/],
    ["that uses an unknown program", "BW0201", `${HEAD}components:\n  a:\n    image: { ts: a.ts }\n    use: { x: programs.clasifier }${ESSENTIAL}programs:\n  classifier: { image: { c: c.c } }\n`, "9:15", /no program 'clasifier'[^]*did you mean 'classifier'/],
    ["that uses a program where there is none", "BW0201", `${HEAD}components:\n  a:\n    image: { ts: a.ts }\n    use: { x: programs.constructor }${ESSENTIAL}`, "9:15", /there is none/],
    ["that uses a part of a program", "BW0112", `${HEAD}components:\n  a:\n    image: { ts: a.ts }\n    use: { x: programs.p.text }${ESSENTIAL}programs:\n  p: { image: { c: c.c } }\n`, "9:15", /programs\.PROGRAM/],
    ["that uses what has no dot", "BW0112", `${HEAD}components:\n${CONSOLE}  a:\n    image: { ts: a.ts }\n    use: { out: console }${ESSENTIAL}`, "13:17", /COMPONENT\.OFFER/],
    ["that uses a device twice", "BW0202", `${HEAD}components:\n${CONSOLE}  a:\n    image: { ts: a.ts }\n    use: { x: platform.uart0.regs }${ESSENTIAL}`, "13:15", /'console' has it/],
    ["that asks for rights to a device", "BW0203", `${HEAD}components:\n  a:\n    image: { ts: a.ts }\n    use: { x: { from: platform.lamp0.regs, rights: [call] } }${ESSENTIAL}`, "9:52", /leave it out/],
    ["that asks for rights to a program", "BW0203", `${HEAD}components:\n  a:\n    image: { ts: a.ts }\n    use: { x: { from: programs.p, rights: [call] } }${ESSENTIAL}programs:\n  p: { image: { c: c.c } }\n`, "9:43", /leave it out/],
    ["that asks for more than is offered", "BW0203", `${HEAD}components:\n  b: { image: { ts: b.ts }, offer: { t: { protocol: Timer, rights: [call] } } }\n  a:\n    image: { ts: a.ts }\n    use: { t: { from: b.t, rights: [call, grant] } }${ESSENTIAL}`, "10:36", /without grant/],
    ["in a circle", "BW0204", `${HEAD}components:\n  a:\n    image: { ts: a.ts }\n    use: { x: b.y }\n    offer: { x: Timer }${ESSENTIAL}  b: { image: { ts: b.ts }, use: { x: c.y }, offer: { y: Timer } }\n  c: { image: { ts: b.ts }, use: { x: a.x }, offer: { y: Timer } }\n`, "9:15", /a -> b -> c -> a/],
    ["that uses itself", "BW0204", `${HEAD}components:\n  a:\n    image: { ts: a.ts }\n    use: { x: a.x }\n    offer: { x: Timer }${ESSENTIAL}`, "9:15", /a -> a/],
    ["whose parts do not fit", "BW0205", `${HEAD}components:\n  a:\n    image: { ts: a.ts }\n    memory: 33MiB${ESSENTIAL}`, "5:39", /64 MiB \+ kernel and root 8 MiB = 72 MiB/],
    ["whose guest does not fit", "BW0205", `${HEAD}components:\n${CONSOLE}guests:\n  g: { image: bare, memory: 64MiB, console: console.console }\n`, "5:39", /guests' RAM 64 MiB/],
    ["with too much memory for its board", "BW0205", `${HEAD.replace("64MiB", "64GiB")}components:\n  a:\n    image: { ts: a.ts }${ESSENTIAL}`, "5:39", /16 MiB to 4 GiB/],
    ["with nothing in it", "BW0206", HEAD, "1:1", /no component/],
    ["with nothing essential", "BW0206", `${HEAD}components:\n${CONSOLE}`, "6:1", /essential: true/],
    ["with two guests of which none is essential", "BW0206", `${HEAD.replace("64MiB", "128MiB")}components:\n${CONSOLE}guests:\n  g: { image: bare, memory: 16MiB, console: console.console }\n  h: { image: bare, memory: 16MiB, console: console.console }\n`, "6:1", /essential: true/],
    ["with a guest's console that is none", "BW0207", `${HEAD}components:\n  t: { image: { server: timer }, offer: { t: Timer } }\nguests:\n  g: { image: bare, memory: 16MiB, console: t.t }\n`, "9:45", /is Timer, must be Console/],
    ["with a guest's console that is a program", "BW0207", `${HEAD}guests:\n  g: { image: bare, memory: 16MiB, console: programs.p }\nprograms:\n  p: { image: { c: c.c } }\n`, "7:45", /must be an offer of Console/],
    ["with 113 uses", "BW0208", `${HEAD}components:\n${CONSOLE}  a:\n    image: { ts: a.ts }\n    essential: true\n    use:\n${Array.from({ length: 113 }, (_, i) => `      u${i}: console.console\n`).join("")}`, "14:5", /at most 112/],
  ];

  for (const [what, code, text, place, said] of cases) {
    it(what, () => {
      const all = refusals(text);
      const found = all.find((diagnostic) => diagnostic.code === code);
      const shown = formatDiagnostics(all);
      expect(found, shown).toBeDefined();
      expect(`${found?.span.line}:${found?.span.column}`, shown).toMatch(new RegExp(`^${place}`));
      expect(`${found?.message}\n${found?.cause}\n${found?.fix}`).toMatch(said);
      // Its own line stands above the caret, and one mistake is reported as one.
      expect(text.split("\n")[(found?.span.line ?? 0) - 1] ?? "").toContain(found?.span.text.trim());
      expect(all, shown).toHaveLength(1);
    });
  }

  it("with every mistake at once, in the order of the file", () => {
    const all = refusals(`${HEAD}components:\n  a: { image: { ts: a.ts }, memory: 1 }\n  b: { imaeg: { ts: a.ts } }\n`);
    expect(new Set(all.map(({ code }) => code))).toEqual(new Set(["BW0112", "BW0110"]));
    expect(formatDiagnostics(all).match(/a\.yaml:(\d+)/g)).toEqual(["a.yaml:7", "a.yaml:8"]);
  });

  it("in the style: code, place, line, caret, cause, fix", () => {
    const all = refusals(`${HEAD}components:\n${CONSOLE}  a:\n    image: { ts: a.ts }\n    use: { out: consloe.console }\n    essential: true\n`);
    expect(formatDiagnostics(all)).toBe(
      [
        "error[BW0201]: there is no component 'consloe'",
        "  --> a.yaml:13:17",
        "   |",
        "13 |     use: { out: consloe.console }",
        "   |                 ^^^^^^^^^^^^^^^ no such component",
        "   = fix: did you mean 'console'?",
      ].join("\n"),
    );
  });
});

describe("a hostile manifest", () => {
  it("of aliases that multiply is refused", () => {
    const bomb = ["a: &a [x,x,x,x,x,x,x,x,x]", ..."bcdefghij".split("").map((name, i) => `${name}: &${name} [${`*${"abcdefghij"[i]},`.repeat(9)}]`)].join("\n");
    expect(refusals(bomb).map(({ code }) => code)).toEqual(["BW0103"]);
  });

  it("of 2 MiB is refused", () => {
    expect(refusals(`# ${"x".repeat(2 * MIB)}`).map(({ code }) => code)).toEqual(["BW0103"]);
  });

  it("nested 200,000 deep is refused", () => {
    expect(refusals(`${HEAD}components: ${"[".repeat(200_000)}`)[0]?.code).toMatch(/^BW010[13]$/);
    expect(refusals(`${HEAD}components:\n  a: { image: { ts: a.ts }, args: ${"[".repeat(3000)}${"]".repeat(3000)} }\n`)[0]?.code).toMatch(/^BW0/);
  });

  it("cannot drive the terminal that shows its errors", () => {
    const shown = formatDiagnostics(refusals(`${HEAD}"\\e[31mname": \u001b[2J\u0007\u202e\n`));
    expect(shown).not.toMatch(/[^\P{Cc}\n]|\u202e/u);
  });

  it("never makes the parser or the resolver throw", () => {
    const scrap = fc.constantFrom(...(HEAD + CONSOLE).split(/(?<=[\s:{},])/), "\n", "  ", "*a", "&a ", "!!x ", "? ", "- ", "|", "'", '"', "{", "}", "[", "]", "\0", "\ud800", "components:\n", "guests:\n");
    fc.assert(
      fc.property(fc.array(scrap, { maxLength: 80 }), fc.boolean(), (parts, head) => {
        const parsed = parseManifest((head ? HEAD : "") + parts.join(""), "a.yaml");
        const result = parsed.ok ? resolveManifest(parsed.value, RESOURCES) : parsed;
        if (result.ok) return true;
        return result.diagnostics.length > 0 && result.diagnostics.every(({ span }) => span.line >= 1 && span.column >= 1) && formatDiagnostics(result.diagnostics) !== "";
      }),
      { numRuns: 2000 },
    );
  });
});

describe("start order", () => {
  it("has each name once, after all that it uses, whenever there is no circle", () => {
    const graph = fc.integer({ min: 1, max: 30 }).chain((n) => fc.array(fc.tuple(fc.nat(n - 1), fc.nat(n - 1)), { maxLength: 80 }).map((pairs) => ({ n, pairs })));
    fc.assert(
      fc.property(graph, ({ n, pairs }) => {
        // Only edges from a higher to a lower number: no circle.
        const uses = new Map(Array.from({ length: n }, (_, i) => [`n${i}`, pairs.filter(([a, b]) => a === i && b < i).map(([, b]) => `n${b}`)] as const));
        const found = startOrder(uses);
        if (!found.ok) return false;
        const at = new Map(found.order.map((name, i) => [name, i]));
        return found.order.length === n && [...uses].every(([name, used]) => used.every((other) => (at.get(other) ?? n) < (at.get(name) ?? 0)));
      }),
    );
  });

  it("names a circle by its members, from one back to itself", () => {
    expect(startOrder(new Map([["a", ["b"]], ["b", ["c"]], ["c", ["b"]]]))).toEqual({ ok: false, cycle: ["b", "c", "b"] });
  });

  it("is found for a chain of 100,000", () => {
    const uses = new Map(Array.from({ length: 100_000 }, (_, i) => [`n${i}`, [`n${i + 1}`]] as const));
    expect(startOrder(uses).ok).toBe(true);
  });
});

describe("sizes, durations and names", () => {
  it("are read with their unit only", () => {
    expect([parseSize("512MiB"), parseSize("1GiB"), parseSize("64KiB")]).toEqual([512 * MIB, 1024 * MIB, 65536]);
    for (const text of ["", "512", "MiB", "0MiB", "-1MiB", "1.5MiB", "1 MiB", "1mib", "01MiB", "9999999GiB"]) expect(parseSize(text), text).toBeUndefined();
    expect([parseDuration("10ms"), parseDuration("500us"), parseDuration("2s")]).toEqual([10_000, 500, 2_000_000]);
    for (const text of ["", "10", "0s", "1m", "-5ms"]) expect(parseDuration(text), text).toBeUndefined();
  });

  it("stay exact numbers", () => {
    expect(Number.isSafeInteger(parseSize("999999GiB"))).toBe(true);
    expect(Number.isSafeInteger(parseDuration("999999999s"))).toBe(true);
  });

  it("are shown in the largest unit", () => {
    expect([formatSize(512), formatSize(2048), formatSize(3 * MIB), formatSize(1.5 * MIB)]).toEqual(["512 bytes", "2 KiB", "3 MiB", "1.5 MiB"]);
  });

  it("are suggested when near, and only then", () => {
    expect(nearest("consloe", ["client", "console"])).toBe("console");
    expect(nearest("Console", ["client", "console"])).toBe("console");
    expect(nearest("x", ["client", "console"])).toBeUndefined();
  });
});

describe("a restart policy", () => {
  const one = (restart: string) => `${HEAD}components:\n${CONSOLE}  main: { image: { c: main.c }, essential: true, restart: ${restart} }\n`;
  it("has defaults, and is in microseconds", () => {
    const of = (restart: string) => resolveText(one(restart)).system.components.find(({ name }) => name === "main")?.restart;
    expect(of("{}")).toEqual({ on: "fault", max: 5, window: 60_000_000, backoff: 200_000 });
    expect(of("{ on: always, max: 100, window: 1s, backoff: 10ms }")).toEqual({ on: "always", max: 100, window: 1_000_000, backoff: 10_000 });
    expect(resolveText(one("{}")).system.components.find(({ name }) => name === "console")?.restart).toBeUndefined();
  });
  it.each([
    ["{ on: crash }", "fault or exit or always"], ["{ max: 0 }", "at least 1"], ["{ max: 101 }", "at most 100"], ["{ backoff: 5ms }", "at least 10ms"], ["{ backoff: 2s, window: 1s }", "no longer than the window"],
    ["{ window: 86401s }", "at most 24 hours"], ["{ times: 3 }", "no such key"], ["always", "a map of keys"],
  ])("%s is refused", (restart, cause) => {
    const parsed = parseManifest(one(restart), "a.yaml");
    expect(parsed.ok ? [] : parsed.diagnostics.map((diagnostic) => diagnostic.cause)).toEqual([expect.stringContaining(cause)]);
  });
  it("is not for guests", () => {
    const parsed = parseManifest(`${HEAD}components:\n${CONSOLE}guests:\n  g: { image: linux, memory: 32MiB, console: console.console, restart: {} }\n`, "a.yaml");
    expect(parsed.ok ? [] : parsed.diagnostics.map((diagnostic) => diagnostic.message)).toEqual(["unknown key 'restart' in guests.g"]);
  });
});

describe("a quota", () => {
  const TIMER = "  timer: { image: { server: timer }, offer: { timer: Timer } }\n  mine: { image: { c: t.c }, offer: { timer: Timer, deaf: Deaf } }\n";
  const withUse = (use: string) => `${HEAD}components:\n${CONSOLE}${TIMER}  main: { image: { c: main.c }, essential: true, use: ${use} }\n`;
  const refusals = (use: string): unknown[] => {
    const parsed = parseManifest(withUse(use), "a.yaml");
    const all = parsed.ok ? resolveManifest(parsed.value, RESOURCES) : parsed;
    return all.ok ? [] : all.diagnostics.map(({ code, message }) => [code, message]);
  };
  it("goes to the server with the use", () => {
    const uses = resolveText(withUse("{ a: { from: timer.timer, quota: 100/s }, b: console.console }")).system.components.find(({ name }) => name === "main")?.uses;
    expect(uses).toEqual([expect.objectContaining({ from: "timer", quota: { perSecond: 100 } }), expect.not.objectContaining({ quota: expect.anything() })]);
  });
  it("may say several things, one of each kind, and each as its server counts", () => {
    const quotaOf = (quota: string) => resolveText(withUse(`{ a: { from: timer.timer, quota: ${quota} } }`)).system.components.find(({ name }) => name === "main")?.uses[0];
    expect(quotaOf("64MiB")).toMatchObject({ quota: { bytes: 64 * 2 ** 20 } });
    expect(quotaOf("[3GiB, 7/s]")).toMatchObject({ quota: { perSecond: 7, bytes: 3 * 2 ** 30 } });
    expect(refusals("{ a: { from: timer.timer, quota: [1/s, 2/s] } }")).toEqual([["BW0220", "'main' has two quotas of one kind for 'timer.timer'"]]);
    expect(refusals("{ a: { from: timer.timer, quota: [1/s, 2KiB/s] } }")).toEqual([["BW0220", "'timer.timer' keeps no quota like 2MiB/s"]]);
    expect(refusals("{ a: { from: timer.timer, quota: [1/s, 2MiB] }, b: { from: timer.timer, quota: [2MiB, 1/s] } }")).toEqual([]);
    for (const wrong of ["100", "1.5MiB/s", "[]", "[1/s, 1KiB/s, 1KiB, 2/s]", "[[1/s]]", "1KiB/m"]) expect(refusals(`{ a: { from: timer.timer, quota: ${wrong} } }`), wrong).toEqual([["BW0112", expect.stringContaining("quota")]]);
    const parsed = parseManifest(withUse("{ a: { from: timer.timer, quota: 64KiB/s } }"), "a.yaml"), resolved = parsed.ok ? resolveManifest(parsed.value, RESOURCES) : parsed;
    expect(resolved.ok ? [] : resolved.diagnostics).toMatchObject([{ fix: "say it as 100/s (questions) or 64MiB (answers)", span: { line: 13, text: expect.stringContaining("64KiB/s") } }]);
  });
  it("is refused where its server has no clock", () => {
    const block = (use: string) => `${HEAD}components:\n${CONSOLE}${TIMER}  block: { image: { server: block }, offer: { disk: Block }, use: ${use} }\n  main: { image: { c: main.c }, essential: true, use: { a: { from: block.disk, quota: 1MiB/s } } }\n`;
    const resources: Resources = { ...RESOURCES, servers: new Map([...RESOURCES.servers, ["block", "machine"]]), protocols: new Map([...RESOURCES.protocols, ["Block", { sendsCapabilities: true, gives: true, passes: false, quota: { by: ["block"], counts: { bytesPerSecond: "bytes" }, clock: "timer" } }]]) };
    const problems = (text: string) => {
      const parsed = parseManifest(text, "a.yaml"), all = parsed.ok ? resolveManifest(parsed.value, resources) : parsed;
      return all.ok ? [] : all.diagnostics.map(({ message, fix }) => [message, fix]);
    };
    expect(problems(block("{}"))).toEqual([["'block' has no clock to keep a quota by", "add a 'timer' to components.block.use, such as 'timer: timer.timer'"]]);
    expect(problems(block("{ timer: timer.timer }"))).toEqual([]);
    // Another server of the same protocol, which keeps none.
    expect(problems(block("{ timer: timer.timer }").replace("{ server: block }", "{ server: console }"))).toEqual([["'block.disk' keeps no quota", expect.anything()]]);
  });
  it("is refused where nobody would keep it", () => {
    expect(refusals("{ a: { from: console.console, quota: 1/s } }")).toEqual([["BW0220", "'console.console' keeps no quota"]]);
    expect(refusals("{ a: { from: mine.timer, quota: 1/s } }")).toEqual([["BW0220", "'mine.timer' keeps no quota"]]);
    expect(refusals("{ a: { from: platform.lamp0.regs, quota: 1/s } }")).toEqual([["BW0220", "a device keeps no quota"]]);
    expect(refusals("{ a: { from: timer.timer, quota: 1/s }, b: { from: timer.timer, quota: 2/s } }")).toEqual([["BW0220", "'main' uses 'timer.timer' twice, with different quotas"]]);
    expect(refusals("{ a: { from: timer.timer, quota: 0/s } }")).toEqual([["BW0112", expect.stringContaining("quota")]]);
    expect(refusals("{ a: { from: timer.timer, quota: 64KiB/s } }")).toEqual([["BW0220", "'timer.timer' keeps no quota like 2MiB/s"]]);
  });
});

describe("programs of components", () => {
  it("in TypeScript are one boot file for all that run it; in C each has its own, because its uses are written into it", () => {
    const { system, programs } = resolveText(`${HEAD}components:\n${CONSOLE}  a: { image: { ts: x.ts }, essential: true }\n  b: { image: { ts: x.ts } }\n  c: { image: { ts: y.ts } }\n  d: { image: { c: x.c } }\n  e: { image: { c: x.c } }\n`);
    const fileOf = (name: string): string | undefined => system.components.find((component) => component.name === name)?.program.file;
    expect(["a", "b", "c", "d", "e"].map(fileOf)).toEqual(["component/a.js", "component/a.js", "component/c.js", "component/d.elf", "component/e.elf"]);
    expect(programs.map(({ component, file }) => [component, file])).toContainEqual(["a", "component/a.js"]);
    expect(programs.filter(({ file }) => file === "component/a.js")).toHaveLength(1);
  });
});

describe("the JSON Schema", () => {
  it("asks for what the manifest needs, and refuses unknown keys at every level", () => {
    const schema = manifestJsonSchema() as { required: string[]; additionalProperties: boolean; properties: { components: { additionalProperties: { additionalProperties: boolean; required: string[] } } } };
    expect(schema.required).toEqual(["apiVersion", "kind", "name", "version", "platform"]);
    expect(schema.additionalProperties).toBe(false);
    expect(schema.properties.components.additionalProperties).toMatchObject({ additionalProperties: false, required: ["image"] });
  });
});

describe("claims", () => {
  const BODY = `components:
${CONSOLE}  wall: { image: { c: wall.c }, use: { console: { from: console.console, rights: [call] } }, offer: { way: Way } }
  app: { image: { c: app.c }, use: { way: wall.way }, essential: true }
assert:
`;
  const claims = (...lines: string[]) => HEAD + BODY + lines.map((line) => `  - ${line}\n`).join("");

  it("hold, and stand in the resolved system", () => {
    const { system } = resolveText(
      claims(
        "no-path: { from: app, to: platform.uart0 }", "only-holders: { of: console, are: [wall, app] }", "confined: { component: app, holes: [wall.way], trusting: [wall] }",
        "max-rights: { of: app, on: wall, rights: [call], trusting: [wall] }", "flows-only-via: { from: app, to: platform, via: [wall] }",
      ),
    );
    expect(system.assertions).toEqual([
      { kind: "no-path", from: ["app"], to: "platform.uart0", trusting: [] },
      { kind: "only-holders", of: "console", are: ["wall", "app"], trusting: [] },
      { kind: "confined", component: "app", holes: ["wall.way"], trusting: ["wall"] },
      { kind: "max-rights", of: "app", on: "wall", rights: Right.Write | Right.GrantReply, trusting: ["wall"] },
      { kind: "flows-only-via", from: "app", to: "platform", via: ["wall"], trusting: [] },
    ]);
    expect(resolveText(HEAD + BODY.replace("assert:\n", "")).system.assertions).toEqual([]);
  });

  it("that do not hold are shown where they stand, with the shortest way that breaks them", () => {
    expect(refusals(claims("no-path: { from: [wall, app], to: console }", "confined: wall"))).toMatchObject([
      { code: "BW0209", message: "no-path does not hold: wall can come to hold console.console", cause: "wall has console.console", span: { line: 14, column: 5 } },
      { code: "BW0209", message: "confined does not hold: wall can speak to console by console.console", cause: "wall has console.console", span: { line: 15 } },
    ]);
    expect(refusals(claims("no-path: { from: app, to: console }"))).toMatchObject([{ cause: "wall can answer app with capabilities (wall.way); wall has console.console", fix: expect.stringContaining("trusting") }]);
  });

  it.each([
    ["no component", "no-path: { from: ap, to: console }", /there is no component 'ap'/, "did you mean 'app'?"],
    ["no thing", "only-holders: { of: console.consol, are: [] }", /no component, offer or device 'console.consol'/, "did you mean 'console.console'?"],
    ["nobody trusted", "confined: { component: app, trusting: [al] }", /there is no component 'al'/, undefined],
    ["a part, where data is in the whole", "flows-only-via: { from: app, to: platform.uart0.regs, via: [wall] }", /'platform.uart0.regs' is a part of something/, undefined],
    ["two in one", "{ confined: app, no-path: { from: app, to: console } }", /exactly one of no-path/, undefined],
    ["none", "{}", /exactly one of no-path/, undefined],
    ["an unknown kind", "no-flow: { from: app, to: console }", /no-flow/, undefined],
    ["an unknown right", "max-rights: { of: app, on: wall, rights: [read] }", /read|call/, undefined],
  ])("about nothing are refused: %s", (_, line, message, fix) => {
    const [first] = refusals(claims(line));
    expect(`${first?.message} ${first?.cause}`).toMatch(message);
    if (fix !== undefined) expect(first?.fix).toBe(fix);
  });

  it("an offer that gives nothing keeps its clients apart, whatever its protocol is", () => {
    const text = claims("no-path: { from: app, to: console }");
    expect(resolveText(text.replace("{ way: Way }", "{ way: { protocol: Way, gives: false } }")).system.components.find(({ name }) => name === "wall")?.offers).toEqual([{ name: "way", protocol: "Way", gives: false, passes: false }]);
  });
});
