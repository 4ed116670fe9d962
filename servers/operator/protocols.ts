// The protocols of the kit, by the name of their C header, <bailiwick/NAME.h>. A server whose client library has its own name has `-protocol` behind it.
import { Channel } from "../../caps/protocol/channel.ts";
import { Patterns } from "../../caps/protocol/patterns.ts";
import type { Protocol } from "../../caps/protocol/protocol.ts";
import { Bank } from "../bank/protocol.ts";
import { BlockDriver } from "../blk/protocol.ts";
import { Block } from "../block/protocol.ts";
import { Console } from "../console/protocol.ts";
import { Constructor } from "../constructor/protocol.ts";
import { Entropy } from "../entropy/protocol.ts";
import { File } from "../fs/protocol.ts";
import { Display } from "../display/protocol.ts";
import { DisplayDriver } from "../gpu/protocol.ts";
import { InputDriver } from "../input/protocol.ts";
import { Log } from "../log/protocol.ts";
import { Names } from "../names/protocol.ts";
import { Net } from "../net/protocol.ts";
import { NicDriver } from "../nic/protocol.ts";
import { Powerbox } from "../powerbox/protocol.ts";
import { Guest } from "../root/guest-protocol.ts";
import { Parent } from "../root/protocol.ts";
import { Switch, SwitchPort } from "../switch/protocol.ts";
import { Timer } from "../timer/protocol.ts";
import { Vault } from "../vault/protocol.ts";

export const KIT_PROTOCOLS: Readonly<Record<string, Protocol>> = {
  "bank-protocol": Bank,
  "block-protocol": Block,
  blockdriver: BlockDriver,
  "channel-protocol": Channel,
  console: Console,
  "constructor-protocol": Constructor,
  "display-protocol": Display,
  displaydriver: DisplayDriver,
  entropy: Entropy,
  "file-protocol": File,
  guest: Guest,
  inputdriver: InputDriver,
  log: Log,
  names: Names,
  "net-protocol": Net,
  nicdriver: NicDriver,
  "patterns-protocol": Patterns,
  "powerbox-protocol": Powerbox,
  root: Parent,
  "switch-protocol": Switch,
  switchport: SwitchPort,
  timer: Timer,
  "vault-protocol": Vault,
};
