// "bailiwick/sdk": what hosted programs of the user's import: their environment's types, protocols, the receive loop, typed clients and the
// invocations of kernel objects. Nothing here has authority; all of it works through the `env` a program is given.
export * from "../lib/ts/sdk.ts";
export * from "../lib/ts/bank.ts";
export * from "../lib/ts/bytes.ts";
export * from "../lib/ts/channel.ts";
export * from "../lib/ts/client.ts";
export * from "../lib/ts/objects.ts";
export * from "../lib/ts/powerbox.ts";
export * from "../lib/ts/patterns/gate.ts";
export * from "../lib/ts/patterns/lend.ts";
export * from "../lib/ts/patterns/membrane.ts";
export type { Side } from "../lib/ts/patterns/membrane-places.ts";
export * from "../lib/ts/patterns/petnames.ts";
export * from "../lib/ts/patterns/seal.ts";
export * from "../lib/ts/ring.ts";
export * from "../lib/ts/serve.ts";
export * from "../../caps/abi/numbers.ts";
export { AddressMap } from "../../caps/image/system.ts";
export { Channel } from "../../caps/protocol/channel.ts";
export { Patterns } from "../../caps/protocol/patterns.ts";
export { protocol, protocolHeader } from "../../caps/protocol/protocol.ts";
export type { Method, Protocol } from "../../caps/protocol/protocol.ts";
export { Bank } from "../bank/protocol.ts";
export { Console } from "../console/protocol.ts";
export { File } from "../fs/protocol.ts";
export { Powerbox } from "../powerbox/protocol.ts";
export { Parent } from "../root/protocol.ts";
