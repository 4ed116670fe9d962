// What a client sends in full pieces is put together to full segments (servers/net/stream.h, S2): none of it may stay behind, whatever the client does next.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { applianceFolder, runAppliance, until } from "../support/appliance-run.ts";

const FOLDER = "test/integration/net";
const file = (name: string) => readFileSync(join(FOLDER, name), "utf8");

const CLIENT = `
#include <bailiwick.h>
#include <bailiwick/console.h>
#include <bailiwick/net-protocol.h>
#include <bailiwick/net.h>
BW_USE(console);
BW_USE(net);
enum { PIECE = 928, MOST = 40 * PIECE, SOCKET = 128, BELL };
static uint8_t bytes[MOST], back[MOST];
static void connect(void) {
    while (bw_net_connect(bw_use_net.cap, "10.0.2.2", 80, 0, SOCKET) == NET_E_REFUSED) bw_yield();
    for (size_t i = 0; i < MOST; i++) bytes[i] = (uint8_t)('A' + i % 23);
}
static size_t receive(size_t count) {
    size_t have = 0, got = 1;
    while (have < count && got > 0 && bw_net_receive(SOCKET, back + have, count - have, 5000, &got) == 0) have += got;
    return have == count && memcmp(bytes, back, count) == 0 ? have : 99999;
}
int main(void) {
    size_t done = 0;
    bw_console_open(bw_use_console.cap);
    connect();
    (void)bw_net_watch(bw_use_net.cap, BELL, 1UL << 45);
    /* It is rung once at the beginning. From then on only what the other side says rings it. */
    (void)bw_wait(BW_SLOT_NOTIFICATION);
    (void)bw_net_send(SOCKET, bytes, PIECE, 0, &done);
    (void)bw_wait(BW_SLOT_NOTIFICATION);
    bw_printf("nothing after it: %lu\\n", receive(PIECE));
    (void)bw_net_send(SOCKET, bytes, PIECE, 0, &done);
    bw_printf("receives: %lu\\n", receive(PIECE));
    (void)bw_net_send(SOCKET, bytes, 3 * PIECE + 1, 0, &done);
    bw_printf("a shorter one: %lu\\n", receive(3 * PIECE + 1));
    (void)bw_net_send(SOCKET, bytes, 10 * PIECE, 0, &done);
    bw_printf("many: %lu\\n", receive(10 * PIECE));
    (void)bw_net_send(SOCKET, bytes, 2 * PIECE, 0, &done);
    (void)bw_net_shutdown(SOCKET);
    bw_printf("shutdown: %lu\\n", receive(2 * PIECE));
    (void)bw_net_receive(SOCKET, back, 1, 5000, &done);
    bw_printf("and the end: %lu, %u\\n", done, bw_net_close(SOCKET));
    return 0;
}
`;

test("a full piece goes without another: at once when the client does something else, and soon when it does nothing", { timeout: 180_000 }, async () => {
  using folder = applianceFolder({
    "hub.c": file("hub.c"),
    "server.c": file("server.c"),
    "client.c": CLIENT,
    "appliance.yaml": file("appliance.yaml").replace(/  client:[^]*$/, "  client: { image: { c: client.c }, use: { console: console.console, net: near.any } }\n"),
  });
  const { output, events } = await runAppliance(folder.path, { limitMs: 50_000, during: (_system, line) => until("the client is done", () => line.output.includes("and the end"), 40_000) });
  expect(output.trimEnd().split("\n")).toEqual(["nothing after it: 928", "receives: 928", "a shorter one: 2785", "many: 9280", "shutdown: 1856", "and the end: 0, 0"]);
  expect(events.filter(({ event }) => event === "fault")).toEqual([]);
});
