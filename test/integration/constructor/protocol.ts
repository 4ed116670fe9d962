import { protocol } from "bailiwick/sdk";

/** Time for many: one component has the right to give it. */
export const Times = protocol({
  name: "Times",
  methods: { configure: { label: 1, doc: "The schedule that is sent along has this budget in each period, in microseconds.", words: ["budget", "period"], returns: [], caps: ["schedule"] } },
  refusals: { badRequest: 1 },
});

/** What the tests' products do when they are asked. A `bw_err` is the kernel's. */
export const Product = protocol({
  name: "Product",
  methods: {
    data: { label: 1, doc: "Whether initialised data, zeroed data and constants are what the program says, and how often this was asked of this product.", words: [], returns: ["right", "times"] },
    store: { label: 2, doc: "Keeps a word; brings the one before.", words: ["word"], returns: ["before"] },
    heap: { label: 3, doc: "Pages that can be made of its own memory, mapped and written.", words: [], returns: ["pages"] },
    thread: { label: 4, doc: "Another thread, on the time that is sent along, adds the numbers up to this one.", words: ["number"], returns: ["sum"], caps: ["schedule"] },
    kind: { label: 5, doc: "What is in a slot of its own.", words: ["slot"], returns: ["kind", "rights"] },
    exit: { label: 6, doc: "It ends.", words: [], returns: [] },
    read: { label: 7, doc: "A word of its memory.", words: ["address"], returns: ["word"] },
    remove: { label: 8, doc: "Empties a slot of its own.", words: ["slot"], returns: ["error"] },
    map: { label: 9, doc: "Maps the frame in a slot, and reads its first word if that went well.", words: ["slot", "rights"], returns: ["error", "word"] },
    spin: { label: 10, doc: "Never answers.", words: [], returns: [] },
    bank: { label: 11, doc: "0 buys a page, 1 makes a bank, 2 destroys its bank, 3 says its rights.", words: ["what"], returns: ["result"] },
    inner: { label: 12, doc: "Has a product built by the requestor in a slot, on the time that is sent along, and asks it for what is in one of its slots.", words: ["slot", "of"], returns: ["result", "kind", "rights"], caps: ["schedule"] },
    call: { label: 13, doc: "Calls the capability in a slot.", words: ["slot", "label", "word"], returns: ["error", "label"] },
    write: { label: 14, doc: "Writes a word to its memory.", words: ["address", "word"], returns: [] },
    use: { label: 15, doc: "The slot of a use, by its number.", words: ["number"], returns: ["slot"] },
  },
  refusals: { badRequest: 1, cannot: 2 },
});
