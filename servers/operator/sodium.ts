// libsodium on the host, once it is ready: measuring what is loaded, and checking what the vault signed.
import sodium from "libsodium-wrappers";
import { HASH_BYTES, type Hash } from "../../caps/image/measurements.ts";

export async function loadSodium(): Promise<typeof sodium> {
  await sodium.ready;
  return sodium;
}

export async function loadHash(): Promise<Hash> {
  const { crypto_generichash } = await loadSodium();
  return (bytes) => crypto_generichash(HASH_BYTES, bytes, null);
}
