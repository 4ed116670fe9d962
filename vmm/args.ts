// What a VMM is told, checked: whoever starts it may be anybody.
import { BALLOON_PAGE } from "../core/devices/virtio/balloon.ts";
import { SEED_BYTES } from "./entropy.ts";
import { MOST_DISKS, MOST_HARTS, MOST_PASSED, MOST_PORTS, type GuestArgs } from "./spec.ts";

/** What env.args says, or what is wrong with it. */
export function toArgs(raw: unknown): GuestArgs | string {
  const { name, ramBytes, cmdline, cpus, seed, input, balloon, restore, led, disks = [], ports = [], passed = [] } = (typeof raw === "object" && raw !== null ? raw : {}) as Record<string, unknown>;
  if (typeof name !== "string" || typeof cmdline !== "string" || typeof ramBytes !== "number" || !(Number.isSafeInteger(ramBytes) && ramBytes > 0)) return "args need name, ramBytes and cmdline";
  if (!isNames(disks, MOST_DISKS) || !isNames(ports, MOST_PORTS) || !isNames(passed, MOST_PASSED)) return `args.disks, args.ports and args.passed are lists of names, at most ${MOST_DISKS}, ${MOST_PORTS} and ${MOST_PASSED}`;
  if (balloon !== undefined && !(typeof balloon === "number" && Number.isInteger(balloon / BALLOON_PAGE) && balloon >= 0 && balloon <= ramBytes)) return "args.balloon is not a number of bytes, a multiple of 4096, at most ramBytes";
  if (cpus !== undefined && !(typeof cpus === "number" && Number.isInteger(cpus) && cpus >= 1 && cpus <= MOST_HARTS)) return `args.cpus is not 1 to ${MOST_HARTS}`;
  const args = { name, ramBytes, cmdline, disks, ports, passed, ...(cpus === undefined ? {} : { cpus }), ...(input === false ? { input } : {}), ...(restore === true ? { restore } : {}), ...(led === true ? { led } : {}), ...(balloon === undefined ? {} : { balloon }) };
  if (seed === undefined || seed === null) return args;
  const isByte = (value: unknown): value is number => typeof value === "number" && Number.isInteger(value) && value >= 0 && value <= 255;
  if (!Array.isArray(seed) || seed.length !== SEED_BYTES || !seed.every(isByte)) return `args.seed is not ${SEED_BYTES} bytes`;
  return { ...args, seed };
}

const isNames = (value: unknown, most: number): value is string[] => Array.isArray(value) && value.length <= most && value.every((name) => typeof name === "string");
