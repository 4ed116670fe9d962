// What this kit has that a manifest may name: boards, servers, protocols, guests.
import type { Protocol } from "../../caps/protocol/protocol.ts";
import type { Board, GuestFacts, ProtocolFacts, Resources } from "../../caps/manifest/resources.ts";
import { BOARD, BOARD_DEVICES, DEVICE_BYTES, DISK_DEVICES, DISPLAY_DEVICES, NET_DEVICES, TERMINAL_DEVICES } from "../../core/machine/board.ts";
import { findServers, type Package } from "./package.ts";
import { KIT_PROTOCOLS } from "./protocols.ts";

const MIB = 1024 ** 2;

/** The one board there is. Its control device is the root server's alone: a manifest cannot name it. */
const VIRT_RV64: Board = {
  devices: new Map(
    BOARD_DEVICES.filter(({ name }) => name !== "ctl0").map(({ name, physical, irq, dma }) => [name, { physical, bytes: DEVICE_BYTES, irq, dma }]),
  ),
  disks: DISK_DEVICES,
  networks: NET_DEVICES,
  terminals: TERMINAL_DEVICES,
  display: DISPLAY_DEVICES,
  minMemory: 16 * MIB,
  maxMemory: 16 * 1024 * MIB,
  reserved: 8 * MIB,
};

export function kitResources(kit: Package, guests: ReadonlyMap<string, GuestFacts>): Resources {
  return {
    boards: new Map([[BOARD, VIRT_RV64]]),
    servers: new Map([...findServers(kit)].map(([name, { kind }]) => [name, kind])),
    protocols: new Map(Object.values(KIT_PROTOCOLS).map((protocol) => [protocol.name, factsOf(protocol)])),
    guests,
  };
}

const factsOf = (protocol: Protocol): ProtocolFacts => ({
  sendsCapabilities: sendsCapabilities(protocol),
  gives: protocol.gives === true,
  passes: protocol.passes === true,
  ...(protocol.quota === undefined ? {} : { quota: protocol.quota }),
});

const sendsCapabilities = ({ methods }: Protocol): boolean => Object.values(methods).some(({ caps }) => (caps?.length ?? 0) > 0);
