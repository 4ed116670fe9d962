// make.mjs: prints the manifest. `node make.mjs > appliance.yaml`; with "bailiwick" installed an editor completes every call.
// @ts-check
import { appliance } from "bailiwick";

const CELLS = 198;

const crowd = appliance({ name: "crowd", version: "0.1.0", platform: { board: "virt-rv64", memory: "128MiB" } });

const console_ = crowd.component("console", {
  image: { server: "console" },
  cpu: { priority: 200 },
  use: { regs: "platform.uart0.regs", irq: "platform.uart0.irq" },
  offer: { console: "Console" },
});

/** @param {number} number @param {string | undefined} before the offer of the cell before it */
const cell = (number, before) =>
  crowd.component(`cell-${number}`, {
    image: { ts: "cell.ts" },
    memory: "128KiB",
    ...(before === undefined ? {} : { use: { before } }),
    offer: { cell: { protocol: "Cell", rights: ["call"], gives: false } },
    args: { number },
  });

let last = cell(1, undefined);
for (let number = 2; number <= CELLS; number++) last = cell(number, last.offers.cell);

const asker = crowd.component("asker", { image: { ts: "asker.ts" }, use: { console: console_.offers.console, last: last.offers.cell }, essential: true });

// Nobody but the neighbour can come to ask a cell, however hostile all of them are.
crowd.assert({ "only-holders": { of: "cell-1.cell", are: ["cell-2"] } });
crowd.assert({ "no-path": { from: last.name, to: "platform.uart0", trusting: [console_.name, asker.name] } });

process.stdout.write(`# yaml-language-server: $schema=../../caps/manifest/appliance.schema.json\n# Made by make.mjs.\n${crowd.toYaml()}`);
