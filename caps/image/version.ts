// The order of versions, by which an older image is known. Source: Semantic Versioning 2.0.0, section 11; the manifest's schema has their form.

/** Below zero: a is older. */
export function compareVersions(a: string, b: string): number {
  const [left, right] = [parse(a), parse(b)];
  for (let i = 0; i < 3; i++) {
    const difference = compareNumbers(left.numbers[i] ?? "0", right.numbers[i] ?? "0");
    if (difference !== 0) return difference;
  }
  // What has something behind it comes before what has not.
  if (left.more.length === 0 || right.more.length === 0) return right.more.length - left.more.length;
  for (let i = 0; i < Math.max(left.more.length, right.more.length); i++) {
    const difference = comparePart(left.more[i], right.more[i]);
    if (difference !== 0) return difference;
  }
  return 0;
}

function parse(version: string): { readonly numbers: readonly string[]; readonly more: readonly string[] } {
  const dash = version.indexOf("-");
  const [numbers, more] = dash < 0 ? [version, ""] : [version.slice(0, dash), version.slice(dash + 1)];
  return { numbers: numbers.split("."), more: more === "" ? [] : more.split(".") };
}

/** Of any length: a number that JavaScript would round is compared by its digits. */
function compareNumbers(a: string, b: string): number {
  const [left, right] = [a.replace(/^0+(?=.)/, ""), b.replace(/^0+(?=.)/, "")];
  return left.length === right.length ? compareText(left, right) : left.length - right.length;
}

const compareText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

function comparePart(a: string | undefined, b: string | undefined): number {
  if (a === undefined || b === undefined) return a === undefined ? -1 : 1;
  const numeric = [a, b].map((part) => /^\d+$/.test(part));
  if (numeric[0] && numeric[1]) return compareNumbers(a, b);
  return numeric[0] === numeric[1] ? compareText(a, b) : numeric[0] ? -1 : 1;
}
