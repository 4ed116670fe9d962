// Values by key. What a key names is the capability's affair: two clients' "price" are two values.
import { protocol } from "bailiwick/sdk";

export const KeyValue = protocol({
  name: "KeyValue",
  methods: {
    put: { label: 1, doc: "The value of this key from now on. Answers when it is on the disk, whole; until then, and if it is refused, the one before is.", words: ["keyCount", "valueCount"], returns: [], bytes: "in" },
    get: { label: 2, doc: "The key's value, up to 512 bytes.", words: ["keyCount"], returns: ["valueCount"], bytes: "out" },
    remove: { label: 3, doc: "There is no value of this key any more.", words: ["keyCount"], returns: [], bytes: "in" },
    next: { label: 4, doc: "The key that comes after this one (keyCount 0: the first).", words: ["keyCount"], returns: ["keyCount"], bytes: "out" },
  },
  refusals: { badRequest: 1, notFound: 2, full: 3, disk: 4 },
});
