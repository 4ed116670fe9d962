// One set-up at a time: for a clone, and for the cache that clones share.
//
// The lock is a listening socket in Linux's abstract namespace, so the kernel drops it with its holder however that ends: there is no stale
// lock to detect and no window between two who detect it. Whoever waits connects, is told the holder's pid, and is woken by the connection's
// end. Across network namespaces (two containers with one cache) the lock does not exclude; there the rename that completes every fetch does.
import { createHash } from "node:crypto";
import { createConnection, createServer } from "node:net";
import { userInfo } from "node:os";

/**
 * @param {string} what a path that names the guarded thing
 * @param {(pid: string) => void} waiting told once for each holder that is waited for
 * @returns {Promise<() => void>} gives the lock back
 */
export async function lock(what, waiting) {
  const name = `\0bailiwick-${userInfo().uid}-${createHash("sha256").update(what).digest("hex").slice(0, 24)}`;
  for (;;) {
    const release = await tryLock(name);
    if (release !== undefined) return release;
    await waitForHolder(name, waiting);
  }
}

/** @param {string} name @returns {Promise<(() => void) | undefined>} */
function tryLock(name) {
  return new Promise((resolve, reject) => {
    /** @type {Set<import("node:net").Socket>} */
    const waiters = new Set();
    const server = createServer((socket) => {
      waiters.add(socket);
      socket.on("close", () => waiters.delete(socket)).on("error", () => socket.destroy());
      socket.write(`${process.pid}\n`);
      socket.unref();
    });
    server.once("error", (/** @type {NodeJS.ErrnoException} */ error) => {
      if (error.code === "EADDRINUSE") resolve(undefined);
      else reject(error);
    });
    server.listen(name, () => {
      server.unref();
      resolve(() => {
        server.close();
        for (const socket of waiters) socket.destroy();
      });
    });
  });
}

/** @param {string} name @param {(pid: string) => void} waiting @returns {Promise<void>} */
function waitForHolder(name, waiting) {
  return new Promise((resolve) => {
    const socket = createConnection(name);
    socket.once("data", (data) => waiting(data.toString().trim()));
    socket.on("error", () => undefined);
    socket.once("close", () => resolve());
  });
}
