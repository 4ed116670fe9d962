// What commands have in common that check who signed an image.
import { keyIdText, type PublicKey } from "../../../caps/image/minisign.ts";
import { usageError } from "../failure.ts";
import { readPublicKey } from "../image/keys.ts";

export const SIGNER_OPTIONS = { key: { type: "string", multiple: true }, require: { type: "string" } } as const;

export const SIGNER_HELP = `  --key PUB       a signer's public key: a file, or the key itself. May be there several times
  --require N     so many of the keys must have signed; by default all of them`;

export interface Signers {
  readonly keys: readonly PublicKey[];
  /** absent: all */
  readonly required?: number;
}

export function signersOf(values: { readonly key?: readonly string[] | undefined; readonly require?: string | undefined }): Signers {
  const keys = (values.key ?? []).map(readPublicKey);
  if (values.require === undefined) return { keys };
  const required = Number(values.require);
  if (!/^\d{1,3}$/.test(values.require) || required < 1) throw usageError(`--require ${values.require} is no number of signatures`);
  if (required > keys.length) throw usageError(`--require ${required} takes so many keys, and ${keys.length} ${keys.length === 1 ? "is" : "are"} named`);
  return { keys, required };
}

export const listKeys = (keys: readonly PublicKey[]): string => keys.map(({ id }) => keyIdText(id)).join(", ");
