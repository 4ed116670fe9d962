// What the programs of this example say to each other.
import { protocol } from "bailiwick/sdk";

export const Diary = protocol({
  name: "Diary",
  methods: {
    open: { label: 1, doc: "The answer brings a capability to this page, 0 to 3.", words: ["page"], returns: [] },
    read: { label: 2, doc: "The text of a page. To a page's capability: of that page.", words: ["page"], returns: ["count"], bytes: "out" },
    write: { label: 3, doc: "Put this text on a page. To a page's capability: on that page.", words: ["page", "count"], returns: [], bytes: "in" },
  },
  refusals: { badRequest: 1 },
});

export const Lending = protocol({
  name: "Lending",
  methods: {
    facet: { label: 1, doc: "The answer brings the diary without `write` and `open`.", words: [], returns: [] },
    membrane: { label: 2, doc: "The answer brings the diary, through a membrane.", words: [], returns: [] },
    done: { label: 3, doc: "The borrower needs it no longer; or so it says.", words: [], returns: [] },
  },
  refusals: { badRequest: 1, nothing: 2 },
});

export const Accomplice = protocol({
  name: "Accomplice",
  methods: {
    keep: { label: 1, doc: "Keep this page.", words: [], returns: [], caps: ["page"] },
    use: { label: 2, doc: "Read the page that was kept, and say what it says.", words: [], returns: [] },
  },
  refusals: { badRequest: 1 },
});
