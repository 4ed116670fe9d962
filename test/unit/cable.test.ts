// The cable: frames through real sockets, from one peer alone, and what it says when there is no place for it.
import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import { afterEach, describe, expect, test } from "vitest";
import type { NetBackend } from "../../core/host/backend.ts";
import { openCable } from "../../core/host/cable.ts";
import { NetworkError } from "../../core/host/network.ts";
import { until } from "../support/appliance-run.ts";
import { freePorts } from "../support/ports.ts";

const open: { close(): unknown }[] = [];
afterEach(async () => {
  for (const each of open.splice(0)) await each.close();
});

const at = (port: number, address = "127.0.0.1") => ({ address, port });
const frame = (bytes: number, mark = 0): Uint8Array => new Uint8Array(bytes).fill(mark, 14);

async function cable(listen: number, peer: number, address?: string): Promise<NetBackend & { readonly got: Uint8Array[] }> {
  const backend = await openCable({ listen: at(listen, address), peer: at(peer, address) });
  open.push(backend);
  const got: Uint8Array[] = [];
  backend.onFrame((bytes) => got.push(bytes));
  return { ...backend, got };
}

async function socketAt(port: number): Promise<Socket> {
  const socket = createSocket("udp4").bind(port, "127.0.0.1");
  await once(socket, "listening");
  open.push(socket);
  return socket;
}

describe("a cable", () => {
  test.each(["127.0.0.1", "0:0:0:0:0:0:0:1"])("carries frames of every length both ways, in order and unchanged (%s)", async (address) => {
    const [a, b] = await freePorts(2, "udp");
    const [left, right] = [await cable(a!, b!, address), await cable(b!, a!, address)];
    for (let bytes = 14; bytes <= 1514; bytes += 100) {
      const sent = frame(bytes, bytes & 0xff);
      left.send(sent);
      sent.fill(0xee); // it is ours again at once
      right.send(frame(bytes, 1));
    }
    await until("all frames are there", () => left.got.length === 16 && right.got.length === 16);
    expect(right.got.map(({ length }) => length)).toEqual(Array.from({ length: 16 }, (_, i) => 14 + 100 * i));
    expect(right.got[5]).toEqual(frame(514, 514 & 0xff));
    expect(left.got[15]).toEqual(frame(1514, 1));
  });

  test("takes nothing from another address than the peer's, and nothing that is no frame", async () => {
    const [here, peer, other] = await freePorts(3, "udp");
    const end = await cable(here!, peer!);
    const [theirs, strange] = [await socketAt(peer!), await socketAt(other!)];
    for (let i = 0; i < 50; i++) strange.send(frame(60), here!, "127.0.0.1");
    for (const bytes of [0, 1, 13, 1515, 9000]) theirs.send(new Uint8Array(bytes), here!, "127.0.0.1");
    theirs.send(frame(60, 7), here!, "127.0.0.1");
    await until("the peer's frame is there", () => end.got.length > 0);
    expect(end.got).toEqual([frame(60, 7)]);
  });

  test("sends nothing that is no frame", async () => {
    const [here, peer] = await freePorts(2, "udp");
    const end = await cable(here!, peer!);
    const theirs = await socketAt(peer!);
    const lengths: number[] = [];
    theirs.on("message", ({ length }) => lengths.push(length));
    for (const bytes of [0, 13, 1515, 14, 70_000, 1514]) end.send(new Uint8Array(bytes));
    await until("the two are there", () => lengths.length >= 2);
    expect(lengths).toEqual([14, 1514]);
  });

  test("a peer that comes, vanishes and comes again: what is sent meanwhile is lost, and the rest is carried", async () => {
    const [here, peer] = await freePorts(2, "udp");
    const end = await cable(here!, peer!);
    for (let i = 0; i < 20; i++) end.send(frame(60));
    for (let round = 1; round <= 2; round++) {
      const other = await openCable({ listen: at(peer!), peer: at(here!) });
      const got: Uint8Array[] = [];
      other.onFrame((bytes) => got.push(bytes));
      await until("a frame is carried", () => (end.send(frame(60, round)), got.length > 0));
      expect(got[0]).toEqual(frame(60, round));
      await other.close();
      for (let i = 0; i < 20; i++) end.send(frame(60));
    }
  });

  test("a flood from the peer is dropped or delivered, and the frame after it is carried", async () => {
    const [here, peer] = await freePorts(2, "udp");
    const [left, right] = [await cable(here!, peer!), await cable(peer!, here!)];
    for (let i = 0; i < 20_000; i++) left.send(frame(1514, 1));
    await until("something is there", () => right.got.length > 0);
    await until("the last is there", () => (left.send(frame(60, 2)), right.got.some(({ length }) => length === 60)));
    expect(right.got.length).toBeLessThanOrEqual(20_100);
  });

  test("after close nothing is sent or heard, the port is free again, and a second close ends as the first", async () => {
    const [here, peer] = await freePorts(2, "udp");
    const end = await cable(here!, peer!);
    const theirs = await socketAt(peer!);
    let heard = 0;
    theirs.on("message", () => heard++);
    await Promise.all([end.close(), end.close()]);
    end.send(frame(60));
    const again = await cable(here!, peer!);
    again.send(frame(60));
    await until("the new end's frame is there", () => heard > 0);
    expect(heard).toBe(1);
  });

  test("a port in use and a foreign address are refused, with cause and fix", async () => {
    const [taken, peer] = await freePorts(2, "udp");
    await socketAt(taken!);
    const refusal = (address: string) => openCable({ listen: at(taken!, address), peer: at(peer!, address) }).then(() => undefined, (error: unknown) => error);
    const inUse = await refusal("127.0.0.1");
    expect(inUse).toBeInstanceOf(NetworkError);
    expect(inUse).toMatchObject({ message: `no cable at 127.0.0.1 port ${taken} (UDP): the port is in use`, fix: expect.stringContaining("another port") });
    expect(await refusal("192.0.2.1")).toMatchObject({ message: expect.stringContaining("the address is not this computer's"), fix: expect.stringContaining("127.0.0.1") });
  });
});
