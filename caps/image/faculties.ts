// What an operator can do with a running appliance, beside starting and stopping it, by the words of a manifest's `operator`. Whoever runs it decides nothing of what
// components may do; this is about what he may see and do of it from outside.

export const FACULTIES = {
  input: "type on its terminal, its keyboard or its pointer; so also to answer a powerbox",
  output: "see what it writes on its terminal",
  display: "see its display",
  exec: "have a guest run a command of his",
  trace: "see what its kernel does",
  debug: "stop its programs and guests, and see and change their registers and memory",
  control: "pause its guests, write them down with all that they have in memory, and have them go on from that",
  capture: "see what goes over its networks",
  unchecked: "run it without DMA translation",
} as const;
export type Faculty = keyof typeof FACULTIES;
export const FACULTY_NAMES = Object.keys(FACULTIES) as [Faculty, ...Faculty[]];
