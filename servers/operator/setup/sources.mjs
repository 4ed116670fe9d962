// The machine's own apt sources, read to learn which Debian mirror it uses. Pure: text in, entries out.
//
// Both forms are met: one-line (`deb [options] uri suite components`, sources.list(5) "ONE-LINE-STYLE FORMAT") and deb822 (`.sources`,
// "DEB822-STYLE FORMAT"). Of a source only the mirror's address and the key are taken: `Trusted: yes` is not, since what is fetched by it
// would not be verified.

/**
 * @typedef {object} Mirror
 * @property {string} uri
 * @property {string | undefined} signedBy  a path, a fingerprint, or an embedded key (its lines as they stand, without the leading space)
 */

/** Suites that only Debian's main archive has; `bookworm-updates` or `trixie-security` are other archives or parts. */
const SUITES = /^(oldoldstable|oldstable|stable|testing|unstable|sid|experimental|buster|bullseye|bookworm|trixie|forky|duke)$/;

/**
 * @param {string} text content of sources.list or a .list file
 * @returns {Mirror[]} mirrors of Debian's main archive, in order
 */
export function parseOneLine(text) {
  return text.split("\n").flatMap((raw) => {
    const line = raw.replace(/#.*/, "").trim();
    const match = /^deb\s+(?:\[([^\]]*)\]\s*)?(\S+)\s+(\S+)\s+(.+)$/.exec(line);
    if (!match) return [];
    const [, options = "", uri = "", suite = "", components = ""] = match;
    if (!SUITES.test(suite.replace(/\/$/, "")) || !components.split(/\s+/).includes("main")) return [];
    return [{ uri, signedBy: /(?:^|\s)signed-by=(\S+)/i.exec(options)?.[1] }];
  });
}

/**
 * @param {string} text content of a .sources file
 * @returns {Mirror[]}
 */
export function parseDeb822(text) {
  return text.split(/\n(?:[ \t]*\n)+/).flatMap((paragraph) => {
    const fields = parseFields(paragraph);
    const words = (/** @type {string} */ name) => (fields.get(name) ?? "").split(/\s+/).filter(Boolean);
    if (/^(no|false|off|0|without|disable)$/i.test(fields.get("enabled") ?? "")) return [];
    if (!words("types").includes("deb") || !words("components").includes("main")) return [];
    if (!words("suites").some((suite) => SUITES.test(suite))) return [];
    const signedBy = fields.get("signed-by")?.trim();
    return words("uris").map((uri) => ({ uri, signedBy: signedBy || undefined }));
  });
}

/**
 * @param {string} paragraph
 * @returns {Map<string, string>} by lower-case name; continuation lines joined by newlines, the leading space and a lone dot removed
 */
function parseFields(paragraph) {
  /** @type {Map<string, string>} */
  const fields = new Map();
  let last = "";
  for (const line of paragraph.split("\n")) {
    if (line.startsWith("#")) continue;
    const field = /^([A-Za-z0-9-]+):\s*(.*)$/.exec(line);
    if (field) {
      last = (field[1] ?? "").toLowerCase();
      fields.set(last, (field[2] ?? "").trimEnd());
    } else if (/^[ \t]/.test(line) && last !== "") {
      const more = line.trim();
      fields.set(last, `${fields.get(last) ?? ""}\n${more === "." ? "" : more}`);
    }
  }
  return fields;
}

/**
 * The private source for one suite, as deb822.
 * @param {Mirror} mirror @param {string} suite @param {string} architecture
 * @returns {string}
 */
export function formatSource(mirror, suite, architecture) {
  const key = mirror.signedBy?.split("\n").map((line, index) => (index === 0 ? line : ` ${line || "."}`)).join("\n");
  return [
    "Types: deb",
    `URIs: ${mirror.uri}`,
    `Suites: ${suite}`,
    "Components: main",
    `Architectures: ${architecture}`,
    ...(key === undefined ? [] : [`Signed-By: ${key}`]),
    "",
  ].join("\n");
}
