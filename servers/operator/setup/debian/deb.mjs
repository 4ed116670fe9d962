// Packages of Debian as files: what one says of itself, and one written anew with its two archives not compressed, since a guest would take minutes to unpack xz.
// Source: deb(5).
import { capture } from "../command.mjs";
import { SetupFailure } from "../failure.mjs";

/**
 * @param {string} file a .deb whose hash has been checked
 * @returns {Promise<{ control: Buffer, data: Buffer }>} both as tar archives
 * @throws {SetupFailure} when dpkg-deb cannot read it
 */
export async function readDeb(file) {
  return { control: await ask("--ctrl-tarfile", file), data: await ask("--fsys-tarfile", file) };
}

/** @param {string} file @returns {Promise<string>} the fields of its control file @throws {SetupFailure} as readDeb */
export async function fieldsOf(file) {
  return (await ask("--field", file)).toString("utf8");
}

/** @param {string} option @param {string} file */
async function ask(option, file) {
  const { status, bytes, errors } = await capture("dpkg-deb", [option, file]);
  if (status !== 0) throw new SetupFailure(`dpkg-deb cannot read ${file}: ${errors.trim().split("\n").at(-1)}`);
  return bytes;
}

/** @param {{ control: Buffer, data: Buffer }} archives @returns {Buffer} the same package */
export function writeDeb({ control, data }) {
  const members = /** @type {const} */ ([["debian-binary", Buffer.from("2.0\n")], ["control.tar", control], ["data.tar", data]]);
  // Archives are whole blocks of 512 bytes: no member has an odd length, which ar would have padded.
  return Buffer.concat([Buffer.from("!<arch>\n"), ...members.flatMap(([name, bytes]) => [memberHeader(name, bytes.length), bytes])]);
}

/** @param {string} name @param {number} size */
function memberHeader(name, size) {
  return Buffer.from(`${name.padEnd(16)}${"0".padEnd(12)}${"0".padEnd(6)}${"0".padEnd(6)}${"100644".padEnd(8)}${String(size).padEnd(10)}\`\n`);
}
