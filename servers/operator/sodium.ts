// libsodium on the host, once it is ready: measuring what is loaded, and checking what the vault signed.
import type sodium from "libsodium-wrappers";
import { HASH_BYTES, type Hash } from "../../caps/image/measurements.ts";

/** Loaded when it is needed: most runs are of appliances that measure nothing. */
export async function loadSodium(): Promise<typeof sodium> {
  const { default: loaded } = await import("libsodium-wrappers");
  await loaded.ready;
  return loaded;
}

export async function loadHash(): Promise<Hash> {
  const { crypto_generichash } = await loadSodium();
  return (bytes) => crypto_generichash(HASH_BYTES, bytes, null);
}
