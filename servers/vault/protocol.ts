// Keys that never leave the vault, as capabilities; capabilities as bytes; statements of what runs. A capability of an offer makes keys; each key is a capability
// of its own, and what may be done with it is the capability's affair.
//
// Kinds of keys: 1 symmetric (XChaCha20-Poly1305; others are derived from it by BLAKE2b), 2 signing (Ed25519). Rights, as bits: SEAL 1, UNSEAL 2, SIGN 4, VERIFY 8
// (and the public key), DERIVE 16, DESTROY 32.
import { protocol } from "../../caps/protocol/protocol.ts";

export const Vault = protocol({
  name: "Vault",
  gives: true,
  passes: true,
  methods: {
    generate: { label: 1, doc: "The answer brings a capability to a new key, with those of these rights that make sense for its kind.", words: ["kind", "rights"], returns: ["rights"] },
    storageKey: {
      label: 2,
      doc: "As generate, but the key is this client's for this number and context (8 bytes), the same whenever this very image runs on this platform, and no other.",
      words: ["kind", "rights", "number", "context"],
      returns: ["rights"],
    },
    random: { label: 3, doc: "`count` (1..256) random bytes.", words: ["count"], returns: ["count"], bytes: "out" },
    info: { label: 4, doc: "Of a key: its kind, and this capability's rights.", words: [], returns: ["kind", "rights"] },
    restrict: { label: 5, doc: "The answer brings a capability to the same key with those of these rights that this one has.", words: ["rights"], returns: ["rights"] },
    close: { label: 6, doc: "This capability and its copies end; with the last of a key the key is wiped.", words: [], returns: [] },
    destroy: { label: 7, doc: "The key is wiped, and all capabilities to it end.", words: [], returns: [] },
    derive: { label: 8, doc: "The answer brings a capability to the key that follows from this one, a number and a context (8 bytes): the same ones, the same key.", words: ["kind", "rights", "number", "context"], returns: ["rights"] },
    seal: {
      label: 9,
      doc: "Of `count` bytes the first `associatedCount` are only vouched for, the others sealed: 40 more (a nonce of 24 first, the tag of 16 last). 904 in all.",
      words: ["associatedCount", "count"],
      returns: ["count"],
      bytes: "both",
    },
    unseal: { label: 10, doc: "What was sealed with this key, behind the associated bytes, which must be the same: what it was. Up to 944 in all.", words: ["associatedCount", "count"], returns: ["count"], bytes: "both" },
    sign: { label: 11, doc: "The signature (64 bytes) of up to 880 bytes.", words: ["count"], returns: ["count"], bytes: "both" },
    verify: { label: 12, doc: "Whether the first 64 of these bytes are the signature of the others: notAuthentic if not.", words: ["count"], returns: [], bytes: "in" },
    publicKey: { label: 13, doc: "The public key of a signing key: 32 bytes.", words: [], returns: ["count"], bytes: "out" },
    sealCapability: {
      label: 14,
      doc: "This capability as bytes (64), from which the client of this name in the manifest, and no other, has it until `expiry` (of the timer's clock; 0: for ever).",
      words: ["expiry", "count"],
      returns: ["count"],
      bytes: "both",
      caps: ["capability"],
    },
    unsealCapability: { label: 15, doc: "The answer brings the capability that these bytes stand for.", words: ["count"], returns: [], bytes: "in" },
    forgetCapability: { label: 16, doc: "What this client sealed as these bytes is had by nobody any more; who has it keeps it.", words: ["count"], returns: [], bytes: "in" },
    attest: {
      label: 17,
      doc: "Makes the statement of what was loaded and of what runs now, for this nonce (32 bytes), and signs it: the signature (64 bytes). `bytes`: how long the statement is.",
      words: ["count"],
      returns: ["bytes", "count"],
      bytes: "both",
    },
    statement: { label: 18, doc: "The bytes of this client's last statement from `offset` on, up to 944; none at the end.", words: ["offset"], returns: ["count"], bytes: "out" },
    attestationKey: { label: 19, doc: "The public key (32 bytes) that statements are signed with: for showing it, since who trusts the platform has it from elsewhere.", words: [], returns: ["count"], bytes: "out" },
    window: { label: 20, doc: "The answer brings this client's window, a frame of 2 MiB of the vault's: for much data at once, with the key's capability sent along.", words: [], returns: [] },
    sealWindow: {
      label: 21,
      doc: "As seal, of up to 65536 bytes in the window at `at`, into the window at `to`; the associated bytes, up to 904, are in the message.",
      words: ["at", "count", "to", "associatedCount"],
      returns: ["count"],
      bytes: "in",
      caps: ["key"],
    },
    unsealWindow: { label: 22, doc: "As unseal, in the same way, of up to 65576 bytes.", words: ["at", "count", "to", "associatedCount"], returns: ["count"], bytes: "in", caps: ["key"] },
    signWindow: { label: 23, doc: "As sign, of up to 65536 bytes in the window at `at`.", words: ["at", "count"], returns: ["count"], caps: ["key"] },
  },
  refusals: { badRequest: 1, noCapability: 2, full: 3, notAllowed: 4, notAuthentic: 5, notForYou: 6, expired: 7, gone: 8, noClock: 9, noPlatform: 10, unknownClient: 11 },
});
