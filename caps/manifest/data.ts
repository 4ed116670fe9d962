// A YAML document as plain data. The library's own toJS gives objects that the engine lays out anew for each set of keys, which is most of the time that a large manifest takes; maps without a
// prototype are tables from the start.
import { isAlias, isMap, isScalar, isSeq, type Document, type Node } from "yaml";

/**
 * @param maxAliases how often aliases may be followed, by the library's count
 * @throws ReferenceError for more; RangeError when it is nested deeper than the stack
 */
export function documentData(document: Document, maxAliases: number): unknown {
  const data = dataOf(document.contents);
  return data === ALIASED ? document.toJS({ maxAliasCount: maxAliases }) : data;
}

/** What an alias means depends on what stands before it: that is the library's to say. */
const ALIASED = Symbol("aliased");

function dataOf(node: Node | null | unknown): unknown {
  if (isScalar(node)) return node.value;
  if (isMap(node)) {
    const map = Object.create(null) as Record<string, unknown>;
    for (const { key, value } of node.items) {
      const data = dataOf(value);
      if (data === ALIASED || !isScalar(key)) return ALIASED;
      map[String(key.value)] = data;
    }
    return map;
  }
  if (isSeq(node)) {
    const list = node.items.map(dataOf);
    return list.includes(ALIASED) ? ALIASED : list;
  }
  return isAlias(node) ? ALIASED : node;
}
