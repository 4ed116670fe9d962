// The benchmark `guest-io`: a guest's disk and network card, against QEMU's, with the same kernel, image file and user network. The guest times each part itself; who serves it pages
// is this process, for both.
import { copyFileSync, mkdtempSync, rmSync } from "node:fs";
import { createServer, type AddressInfo, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { prepareAppliance, type Appliance } from "../../servers/operator/appliance.ts";
import { findPackage } from "../../servers/operator/package.ts";
import type { Benchmark } from "./benchmark.ts";
import { guestParts, runKit, runQemu, timed, type GuestTimes } from "./contestants.ts";
import type { Figure } from "./figure.ts";
import { NO_LINUX, NO_QEMU, writeFiles } from "./guest-runs.ts";
import { startWorker, work } from "./workers.ts";

const ROLE = "guest-io.kit";
const ROUNDS = 5;
const MIB = 2 ** 20;
/** MiB of each sequential part, and requests of the small ones. */
const BULK = 96;
const SMALL = 3000;
const PINGS = 300;
/** BusyBox sends slowly, on both. */
const NET_BULK = 48;
const SEND_BULK = 8;

interface Question {
  readonly folder: string;
  readonly port: number;
}

/**
 * BusyBox only, as on both: bulk in requests of 1 MiB past the guest's cache, small requests one at a time; a stream each way; the time of an echo. Everything is done twice, and the second
 * time counts: what is asked for is how fast it goes, not how soon whose code is translated.
 */
const script = (port: number): string =>
  timed(`now() { { read -r skip; read -r skip; read -r skip skip t skip; } </proc/timer_list; echo "\${t%??????}"; }
measure() { label=$1; shift; "$@" >/dev/null 2>&1; from=$(now); if "$@" >/dev/null 2>&1; then echo "bench $label $(($(now) - from))"; else echo "bench $label failed"; fi; }
receive() { nc 10.0.2.2 ${port} </dev/null | wc -c; }
send() { dd if=/dev/zero bs=64k count=${SEND_BULK * 16} 2>/dev/null | nc 10.0.2.2 ${port + 1}; }
ifconfig eth0 up; udhcpc -q -n -i eth0 >/dev/null 2>&1
measure write dd if=/dev/zero of=/dev/vda bs=1M count=${BULK} oflag=direct
measure read dd if=/dev/vda of=/dev/null bs=1M count=${BULK} iflag=direct
measure read4k dd if=/dev/vda of=/dev/null bs=4k count=${SMALL} iflag=direct
measure write4k dd if=/dev/zero of=/dev/vda bs=4k count=${SMALL} oflag=direct
measure receive receive
measure send send
measure ping ping -q -A -c ${PINGS} 10.0.2.2`);

const prepare = ({ folder, port }: Question): Promise<Appliance> => prepareAppliance(folder, { exec: { command: script(port) } });

export const guestIoRoles: ReadonlyMap<string, () => void> = new Map([[ROLE, () => work<Question, GuestTimes>(async (question) => runKit(await prepare(question)))]]);

/** Gives each caller so many bytes. */
const giver = (): Server =>
  createServer((socket) => {
    const piece = Buffer.alloc(64 * 1024);
    let left = (NET_BULK * MIB) / piece.length;
    const go = (): void => {
      while (left-- > 0) if (!socket.write(piece)) return;
      socket.end();
    };
    socket.on("drain", go).on("error", () => undefined).resume();
    go();
  });
/** Takes what comes, and ends when the caller does. */
const taker = (): Server => createServer((socket) => void socket.on("error", () => undefined).resume());

const listening = (server: Server, port: number): Promise<number> =>
  new Promise((resolve, reject) => void server.once("error", reject).listen(port, "127.0.0.1", () => resolve((server.address() as AddressInfo).port)));

export const guestIo: Benchmark = {
  name: "guest-io",
  summary: "a guest's disk and network card, against QEMU",
  async measure({ quick, say }) {
    const folder = mkdtempSync(join(tmpdir(), "bailiwick-guest-io-"));
    const [give, take] = [giver(), taker()];
    try {
      const port = await listening(give, 0);
      await listening(take, port + 1);
      copyFileSync(join(findPackage().root, "test", "bench", "guest-io", "appliance.yaml"), join(folder, "appliance.yaml"));
      const guest = guestParts(await prepare({ folder, port }));
      if (guest === undefined) return NO_LINUX;
      const files = writeFiles(folder, guest);
      const devices = ["-drive", `file=${join(folder, "disk.img")},if=none,id=d,format=raw`, "-device", "virtio-blk-device,drive=d", "-netdev", "user,id=n", "-device", "virtio-net-device,netdev=n"];
      const kit: GuestTimes[] = [], qemu: GuestTimes[] = [];
      for (let round = 1, rounds = quick ? 1 : ROUNDS; round <= rounds; round++) {
        say(`guest-io: round ${round} of ${rounds}, kit`);
        const worker = startWorker<Question, GuestTimes>(ROLE);
        try {
          kit.push(await worker.ask({ folder, port }));
        } finally {
          worker.close();
        }
        say(`guest-io: round ${round} of ${rounds}, qemu`);
        const times = await runQemu(files, devices);
        if (times !== null) qemu.push(times);
      }
      return Object.keys(kit[0]!.parts).map((name): Figure => {
        const of = (all: readonly GuestTimes[]): number[] => all.map(({ parts }) => parts[name]!);
        return { name: `guest-io.${name}`, unit: "ms", values: of(kit), peers: qemu.length === kit.length ? of(qemu) : null, against: qemu.length === kit.length ? "qemu-system-riscv64 (TCG)" : NO_QEMU, ...(name === "ping" ? {} : { aim: 1 }) };
      });
    } finally {
      give.close();
      take.close();
      rmSync(folder, { recursive: true, force: true });
    }
  },
};
