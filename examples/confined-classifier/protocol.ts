import { protocol } from "bailiwick/sdk";

export const Classifier = protocol({
  name: "Classifier",
  methods: {
    classify: { label: 1, doc: "Is this letter spam? `number` counts the letters.", words: ["number", "count"], returns: ["spam"], bytes: "in" },
  },
  refusals: { badRequest: 1 },
});

export const Shop = protocol({
  name: "Shop",
  methods: {
    product: { label: 1, doc: "The answer brings the requestor of the classifier: 0 the one that can phone home, 1 the one that cannot.", words: ["which"], returns: [] },
    heard: { label: 2, doc: "What the author has got from its programs since the last question: bytes by messages, signals, bytes on the shared page, 4 KiB blocks of memory that are to be had now.", words: [], returns: ["messages", "signals", "page", "blocks"] },
    tell: { label: 3, doc: "For its own programs: words.", words: [], returns: [] },
  },
  refusals: { badRequest: 1, notFound: 2 },
});
