// In which order packages are handed to dpkg: each after a call of its own for those that must be configured before it is even unpacked (Pre-Depends), and for what
// these depend on. What merely depends on something comes with it or after it: within a call dpkg finds the order itself. Pure. Source: Debian policy, 7.2.

/**
 * @typedef {object} Relations  fields of a package's control file
 * @property {string} name
 * @property {string[][]} needsFirst  Pre-Depends: of each list one
 * @property {string[][]} needs  Depends
 * @property {string[]} provides
 */

/** @param {string} control the file's text @returns {Relations} */
export function relationsOf(control) {
  const fields = new Map(control.replace(/\n[ \t]+/g, " ").split("\n").flatMap((line) => {
    const at = line.indexOf(":");
    return at < 0 ? [] : [/** @type {const} */ ([line.slice(0, at).toLowerCase(), line.slice(at + 1).trim()])];
  }));
  /** @param {string} name */
  const alternatives = (name) => (fields.get(name) ?? "").split(",").filter((part) => part.trim() !== "").map((part) => part.split("|").map((each) => each.trim().replace(/[ (:].*/, "")));
  return { name: fields.get("package") ?? "", needsFirst: alternatives("pre-depends"), needs: alternatives("depends"), provides: alternatives("provides").map(([name = ""]) => name) };
}

/**
 * @template {Relations} T
 * @param {readonly T[]} packages @param {readonly T[]} installed  what is there already
 * @returns {T[][]} for a call of dpkg each; packages that need each other in a circle are in one
 */
export function inCalls(packages, installed) {
  /** @type {Map<string, T>} */
  const byName = new Map();
  for (const each of packages) for (const name of each.provides) if (!byName.has(name)) byName.set(name, each);
  for (const each of [...packages, ...installed]) byName.set(each.name, each);
  /** @param {string[][]} lists @returns {T[]} */
  const among = (lists) => lists.flatMap((list) => list.map((name) => byName.get(name)).find((other) => other !== undefined) ?? []);
  const begun = new Set(installed);
  /** @type {T[][]} */
  const calls = [[]];
  /** @param {T} each */
  const add = (each) => {
    if (begun.has(each)) return;
    begun.add(each);
    for (const other of among([...each.needsFirst, ...each.needs])) add(other);
    if (among(each.needsFirst).some((other) => calls.at(-1)?.includes(other))) calls.push([]);
    calls.at(-1)?.push(each);
  };
  for (const each of packages) add(each);
  return calls;
}
