// What a cell understands.
import { protocol } from "bailiwick/sdk";

export const Cell = protocol({
  name: "Cell",
  methods: {
    sum: { label: 1, doc: "The sum of this cell's number and those of all before it, and how many cells that are.", words: [], returns: ["total", "cells"] },
  },
  refusals: { badRequest: 1, gone: 2 },
});
