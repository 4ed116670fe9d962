// Step: a console font, which C programs draw text with, into the cache.
//
// It is Terminus as Debian's package of console fonts has it, in 8 x 16 pixels, with the characters of ISO 8859-15 and some more. The package is one file of
// Debian's pool, fetched by apt as libsodium's sources are, and known by the hash that Debian's signed index of bookworm gives. Nothing of it runs here.
// C has no way to take in a file of bytes, so the result is a header that holds them: <bailiwick/terminus16.h>.
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { mustRun } from "./command.mjs";
import { checkSha512, fetchedSource } from "./fetched.mjs";
import { downloadFromPool } from "./pool.mjs";

const PATH = "pool/main/c/console-setup/console-setup-linux_1.221_all.deb";
const SHA256 = "65fac4777b0d36e48d90c577ba296c9ceeb051210aa1bf405925e2bf6bc6fecd";
const SHA512 = "f1HU1tB7DjBUTRVWvhmf8mEbsAvueN9aTUTwE8E27ZMJT6Xgs/f/BLvHgSVeY6JVpnSP4dkGFHYf4fuhB6z1Uw==";
const INSIDE = "usr/share/consolefonts/Lat15-Terminus16.psf.gz";

const FILES = new Map([["terminus16.psf", 5_670], ["bailiwick/terminus16.h", 29_465]]);

export const font = fetchedSource({
  name: "font",
  title: "console font",
  files: FILES,
  had: "Terminus 8 x 16, as Debian's console-setup has it, hash verified",
  server: "what draws text with <bailiwick/terminus16.h>",
  async fetch(temporary, result, _, line) {
    const archive = join(temporary, "console-setup-linux.deb");
    await downloadFromPool({ what: "the console font", path: PATH, sha256: SHA256 }, archive, line);
    checkHash(readFileSync(archive));
    await mustRun("dpkg-deb", ["-x", archive, join(temporary, "tree")], { remedy: "apt-get install dpkg" });
    const bytes = gunzipSync(readFileSync(join(temporary, "tree", INSIDE)));
    mkdirSync(join(result, "bailiwick"), { recursive: true });
    writeFileSync(join(result, "terminus16.psf"), bytes);
    writeFileSync(join(result, "bailiwick", "terminus16.h"), headerOf(bytes));
  },
});

/** @param {Uint8Array} bytes */
function headerOf(bytes) {
  const rows = [];
  for (let at = 0; at < bytes.length; at += 32) rows.push(`    ${Array.from(bytes.subarray(at, at + 32), (byte) => `0x${byte.toString(16).padStart(2, "0")},`).join("")}`);
  return `/* Terminus, 8 x 16: a PSF font, for bw_font_open. Made by the set-up from Debian's console-setup 1.221, whose copyright file has its terms. */\n#pragma once\n#include <stdint.h>\nstatic const uint8_t bw_terminus16[${bytes.length}] = {\n${rows.join("\n")}\n};\n`;
}

/** @param {Uint8Array} archive */
export const checkHash = (archive) => checkSha512(archive, SHA512, "what the mirror gave as console-setup-linux 1.221", "the mirror serves an altered file: use another");
