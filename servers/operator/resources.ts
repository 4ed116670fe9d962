// What this kit has that a manifest may name: boards, servers, protocols, guests.
import { Channel } from "../../caps/protocol/channel.ts";
import type { Protocol } from "../../caps/protocol/protocol.ts";
import type { Board, GuestFacts, ProtocolFacts, Resources } from "../../caps/manifest/resources.ts";
import { BOARD, BOARD_DEVICES, DEVICE_BYTES, DISK_DEVICES, TERMINAL_DEVICES } from "../../core/machine/board.ts";
import { Bank } from "../bank/protocol.ts";
import { Block } from "../block/protocol.ts";
import { BlockDriver } from "../blk/protocol.ts";
import { Console } from "../console/protocol.ts";
import { Constructor } from "../constructor/protocol.ts";
import { Entropy } from "../entropy/protocol.ts";
import { Log } from "../log/protocol.ts";
import { File } from "../fs/protocol.ts";
import { Names } from "../names/protocol.ts";
import { Parent } from "../root/protocol.ts";
import { Timer } from "../timer/protocol.ts";
import { findServers, type Package } from "./package.ts";

const MIB = 1024 ** 2;

/** The one board there is. Its control device is the root server's alone: a manifest cannot name it. */
const VIRT_RV64: Board = {
  devices: new Map(
    BOARD_DEVICES.filter(({ name }) => name !== "ctl0").map(({ name, physical, irq, dma }) => [name, { physical, bytes: DEVICE_BYTES, ...(irq === 0 ? {} : { irq }), dma }]),
  ),
  disks: DISK_DEVICES,
  terminals: TERMINAL_DEVICES,
  minMemory: 16 * MIB,
  maxMemory: 16 * 1024 * MIB,
  reserved: 8 * MIB,
};

const PROTOCOLS: readonly Protocol[] = [Bank, Block, BlockDriver, Channel, Console, Constructor, Entropy, File, Log, Names, Parent, Timer];

export function kitResources(kit: Package, guests: ReadonlyMap<string, GuestFacts>): Resources {
  return {
    boards: new Map([[BOARD, VIRT_RV64]]),
    servers: new Map([...findServers(kit)].map(([name, { kind }]) => [name, kind])),
    protocols: new Map(PROTOCOLS.map((protocol): [string, ProtocolFacts] => [protocol.name, { sendsCapabilities: sendsCapabilities(protocol) }])),
    guests,
  };
}

const sendsCapabilities = ({ methods }: Protocol): boolean => Object.values(methods).some(({ caps }) => (caps?.length ?? 0) > 0);
