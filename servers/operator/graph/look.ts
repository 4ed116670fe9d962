// Colours and words of the pictures, for all of their forms. No colour says anything alone.
import type { BoxKind } from "../../../caps/graph/picture.ts";

export const RED = "#c62828", INK = "#1f2933", FAINT = "#5f6b76", WIRE = "#4a5560";

export const COLOURS = {
  machine: { fill: "#e6eff9", stroke: "#3b6ea8" },
  hosted: { fill: "#e7f5ea", stroke: "#3c8a56" },
  guest: { fill: "#fdf0d9", stroke: "#b4761a" },
  device: { fill: "#eef1f3", stroke: "#78868f" },
  program: { fill: "#f4eefb", stroke: "#8562b3" },
  class: { fill: "#faf6ea", stroke: "#dccf9f" },
} as const satisfies Record<BoxKind | "class", { readonly fill: string; readonly stroke: string }>;

/** In a box, and in full. */
export const BOX_WORDS: Readonly<Record<BoxKind, string>> = { machine: "machine", hosted: "hosted", guest: "guest", device: "platform", program: "program" };
export const KIND_WORDS: Readonly<Record<BoxKind, string>> = { machine: "machine program", hosted: "hosted program", guest: "guest", device: "platform", program: "program, read" };
