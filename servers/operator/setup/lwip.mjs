// Step: lwIP's sources, which the network server is built with, into the cache.
//
// They come from Debian's pool (pool.mjs), by the hash that the index of trixie gives. Only what servers/net includes is taken, and nothing of it runs here.
import { mkdirSync, readFileSync, renameSync } from "node:fs";
import { dirname, join } from "node:path";
import { mustRun } from "./command.mjs";
import { checkSha512, fetchedSource } from "./fetched.mjs";
import { downloadFromPool } from "./pool.mjs";

const PATH = "pool/main/l/lwip/lwip_2.2.1%2bdfsg1.orig.tar.xz";
const SHA256 = "83729c274c499d3348e9fbbe043a3113f3fa8953e7efddc7c21c7fcbb1f2b7b1";
const SHA512 = "OcBtS4inYF6pV11tHtQNXDP1o2hGb8voh1HCDIFFSNEHI5vYlxvovAYmlPEZGPPwW8zL4kikny0msTZYOtj4GA==";
const INSIDE = "lwip-2.2.1/src";

/** What servers/net/lwip-*.c include, and what that includes: files of lwIP 2.2.1, with their sizes. */
const FILES = new Map([
  ["core/def.c", 7998],
  ["core/dns.c", 54073],
  ["core/inet_chksum.c", 19399],
  ["core/init.c", 16781],
  ["core/ip.c", 4709],
  ["core/ipv4/dhcp.c", 76624],
  ["core/ipv4/etharp.c", 47542],
  ["core/ipv4/icmp.c", 14604],
  ["core/ipv4/ip4.c", 42031],
  ["core/ipv4/ip4_addr.c", 8689],
  ["core/mem.c", 34752],
  ["core/memp.c", 11744],
  ["core/netif.c", 53662],
  ["core/pbuf.c", 51720],
  ["core/tcp.c", 86758],
  ["core/tcp_in.c", 83868],
  ["core/tcp_out.c", 79318],
  ["core/timeouts.c", 12853],
  ["core/udp.c", 44284],
  ["include/lwip/acd.h", 3944],
  ["include/lwip/altcp.h", 7381],
  ["include/lwip/api.h", 18207],
  ["include/lwip/arch.h", 14283],
  ["include/lwip/autoip.h", 3051],
  ["include/lwip/debug.h", 5148],
  ["include/lwip/def.h", 5903],
  ["include/lwip/dhcp.h", 6043],
  ["include/lwip/dhcp6.h", 3753],
  ["include/lwip/dns.h", 4873],
  ["include/lwip/err.h", 3337],
  ["include/lwip/etharp.h", 4215],
  ["include/lwip/icmp.h", 3793],
  ["include/lwip/icmp6.h", 2596],
  ["include/lwip/igmp.h", 4354],
  ["include/lwip/inet_chksum.h", 3918],
  ["include/lwip/init.h", 3642],
  ["include/lwip/ip.h", 14612],
  ["include/lwip/ip4.h", 3998],
  ["include/lwip/ip4_addr.h", 9713],
  ["include/lwip/ip4_frag.h", 3090],
  ["include/lwip/ip6.h", 3433],
  ["include/lwip/ip6_addr.h", 19774],
  ["include/lwip/ip6_frag.h", 5637],
  ["include/lwip/ip_addr.h", 21395],
  ["include/lwip/mem.h", 2441],
  ["include/lwip/memp.h", 5166],
  ["include/lwip/mld6.h", 3546],
  ["include/lwip/nd6.h", 3170],
  ["include/lwip/netbuf.h", 4546],
  ["include/lwip/netdb.h", 5314],
  ["include/lwip/netif.h", 26947],
  ["include/lwip/opt.h", 114988],
  ["include/lwip/pbuf.h", 14493],
  ["include/lwip/priv/api_msg.h", 8950],
  ["include/lwip/priv/mem_priv.h", 3279],
  ["include/lwip/priv/memp_priv.h", 5339],
  ["include/lwip/priv/memp_std.h", 6772],
  ["include/lwip/priv/nd6_priv.h", 4266],
  ["include/lwip/priv/raw_priv.h", 2495],
  ["include/lwip/priv/sockets_priv.h", 5739],
  ["include/lwip/priv/tcp_priv.h", 22506],
  ["include/lwip/priv/tcpip_priv.h", 5962],
  ["include/lwip/prot/dhcp.h", 6383],
  ["include/lwip/prot/dns.h", 5367],
  ["include/lwip/prot/etharp.h", 3878],
  ["include/lwip/prot/ethernet.h", 3950],
  ["include/lwip/prot/iana.h", 2894],
  ["include/lwip/prot/icmp.h", 3565],
  ["include/lwip/prot/icmp6.h", 4982],
  ["include/lwip/prot/ieee.h", 3006],
  ["include/lwip/prot/ip.h", 2074],
  ["include/lwip/prot/ip4.h", 4470],
  ["include/lwip/prot/tcp.h", 3639],
  ["include/lwip/prot/udp.h", 2263],
  ["include/lwip/raw.h", 5383],
  ["include/lwip/snmp.h", 7580],
  ["include/lwip/sockets.h", 25886],
  ["include/lwip/stats.h", 14930],
  ["include/lwip/sys.h", 20774],
  ["include/lwip/tcp.h", 18988],
  ["include/lwip/tcpbase.h", 2656],
  ["include/lwip/timeouts.h", 4114],
  ["include/lwip/udp.h", 7861],
  ["include/netif/ethernet.h", 2889],
  ["include/netif/ppp/ppp_impl.h", 25981],
  ["include/netif/ppp/ppp_opts.h", 15493],
  ["netif/ethernet.c", 11930],
]);

export const lwip = fetchedSource({
  name: "lwip",
  title: "lwIP",
  files: FILES,
  had: "2.2.1, its sources as Debian has them, hash verified",
  server: "the network server (image: { server: net })",
  async fetch(temporary, result, _, line) {
    const archive = join(temporary, "lwip.tar.xz");
    await downloadFromPool({ what: "lwIP's sources", path: PATH, sha256: SHA256 }, archive, line);
    checkHash(readFileSync(archive));
    await mustRun("tar", ["-xJf", archive, "-C", temporary, ...[...FILES.keys()].map((name) => `${INSIDE}/${name}`)], { remedy: "apt-get install tar xz-utils" });
    for (const name of FILES.keys()) {
      mkdirSync(dirname(join(result, name)), { recursive: true });
      renameSync(join(temporary, INSIDE, name), join(result, name));
    }
  },
});

/** @param {Uint8Array} archive */
export const checkHash = (archive) => checkSha512(archive, SHA512, "what the mirror gave as lwIP 2.2.1", "the mirror serves an altered file: use another");
