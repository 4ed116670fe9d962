// The hardened realm that hosted programs are evaluated in: SES lockdown, once a process, and a Compartment for each program.
//
//   REALM-1  After `hardenRealm` nothing that a program can reach is shared and mutable: the language's intrinsics are frozen.
//   REALM-2  A program sees the language's own globals and nothing of the host: no clock, no random source, no I/O.
//   REALM-3  A program reads no stack trace, its own neither: traces name the host's files and depend on its settings. The engine can (`traceOf`).
// Source: the SES and Hardened JavaScript documentation (endojs), lockdown options and Compartment.
import "ses";

let hardened = false;

/**
 * Freezes the intrinsics of this realm. Idempotent, about 10 ms. The options leave Node, its stack traces and other libraries working.
 * @throws TypeError when something else locked the realm down before, or changed intrinsics in ways that SES refuses.
 */
export function hardenRealm(): void {
  if (hardened) return;
  const previous = Error.prepareStackTrace;
  repairIntrinsics({
    errorTaming: "unsafe", // REALM-3 is kept by `redact` below
    stackFiltering: "verbose",
    overrideTaming: "severe", // libraries may go on assigning to properties that a prototype also has
    consoleTaming: "unsafe",
    domainTaming: "unsafe",
    errorTrapping: "none",
    unhandledRejectionTrapping: "none",
    reporting: "none",
  });
  freezeSoftly();
  hardenIntrinsics();
  Error.prepareStackTrace = redact(previous);
  hardened = true;
}

/**
 * V8 gives a prototype that Object.freeze froze slow elements, after which each store into a typed array takes 28 ns instead of 0.6, in the whole
 * process. Made non-extensible and then read-only property by property, the same prototypes are as frozen and stay fast; freezing them again does no harm.
 */
function freezeSoftly(): void {
  const prototypes = [Int8Array, Uint8Array, Uint8ClampedArray, Int16Array, Uint16Array, Int32Array, Uint32Array].map((c): object => c.prototype);
  prototypes.push(Float32Array.prototype, Float64Array.prototype, BigInt64Array.prototype, BigUint64Array.prototype);
  prototypes.push(Object.getPrototypeOf(Int8Array.prototype) as object, Object.prototype);
  for (const prototype of prototypes) {
    Object.preventExtensions(prototype);
    for (const key of Reflect.ownKeys(prototype)) {
      const property = Reflect.getOwnPropertyDescriptor(prototype, key);
      if (property === undefined || (property.configurable === false && property.writable !== true)) continue;
      if (prototype === Object.prototype && "value" in property && typeof key === "string") {
        Object.defineProperty(prototype, key, overridable(key, property.value));
        continue;
      }
      Object.defineProperty(prototype, key, "value" in property ? { configurable: false, writable: false } : { configurable: false });
    }
  }
}

/**
 * A property of Object.prototype that cannot be changed, and of which an assignment to another object makes one of that object's own, as before: a record may have
 * the key `constructor`. `overrideTaming` would do it too, but finds the property made constant.
 */
function overridable(key: string, value: unknown): PropertyDescriptor {
  return {
    get: () => value,
    set(this: unknown, own: unknown) {
      if (this === Object.prototype || typeof this !== "object" || this === null || !Reflect.defineProperty(this, key, { value: own, writable: true, enumerable: true, configurable: true })) {
        throw new TypeError(`the property '${key}' cannot be assigned here: the intrinsics are frozen`);
      }
    },
    enumerable: false,
    configurable: false,
  };
}

type Prepare = NonNullable<typeof Error.prepareStackTrace>;

const traces = new WeakMap<Error, string>();

const SOURCE = "hosted:program";
/** A frame of a program's, or of what evaluated it: code that no file holds. */
const isEvaluated = (site: NodeJS.CallSite): boolean => site.isEval() && typeof site.getFileName() !== "string";
const isProgram = (site: NodeJS.CallSite): boolean => site.getScriptNameOrSourceURL() === SOURCE;

/** A trace with a program's frames in it becomes the error's text; the frames are kept for `traceOf`. Other traces are the host's and stay as they were. */
function redact(previous: Prepare | undefined): Prepare {
  return (error, sites) => {
    if (!sites.some(isEvaluated)) return previous === undefined ? [safeText(error), ...sites.map((site) => `    at ${String(site)}`)].join("\n") : (previous(error, sites) as unknown);
    traces.set(error, sites.filter(isProgram).map((site) => `    at ${site.getFunctionName() ?? "program"} ${site.getLineNumber() ?? 0}:${site.getColumnNumber() ?? 0}`).join("\n"));
    return safeText(error);
  };
}

const errorToString = Error.prototype.toString;

/** Text of anything that was thrown, at most 2,000 characters. It may run the program's code (a getter, a toString), but never throws. */
export function safeText(thrown: unknown): string {
  try {
    return (thrown instanceof Error ? errorToString.call(thrown) : String(thrown)).slice(0, 2000);
  } catch {
    return "something that has no text was thrown";
  }
}

/** Function, line and column of the frames of the program that threw, for the operator; empty when unknown. Lines count from 1 in the program's text. */
export function traceOf(thrown: unknown): string {
  try {
    if (!(thrown instanceof Error)) return "";
    void thrown.stack; // the trace is made when it is first asked for
    return traces.get(thrown) ?? "";
  } catch {
    return "";
  }
}

/**
 * A compartment's global object is behind `with` and a proxy: each use of `Math` costs 470 ns. Bound to constants once, it costs nothing.
 * On one line, so that the program's lines keep their numbers.
 */
const NAMES = [
  "Object Array ArrayBuffer BigInt BigInt64Array BigUint64Array Boolean DataView Error EvalError AggregateError RangeError ReferenceError SyntaxError TypeError",
  "URIError Int8Array Int16Array Int32Array Uint8Array Uint8ClampedArray Uint16Array Uint32Array Map Set WeakMap WeakSet Math Number",
  "Promise Proxy Reflect RegExp String Symbol JSON Date isFinite isNaN parseFloat parseInt decodeURI decodeURIComponent encodeURI encodeURIComponent harden",
  "TextEncoder TextDecoder",
]
  .join(" ")
  .split(" ");
const BEFORE = `(function(){const {${NAMES.join(",")}}=globalThis;return (function(){`;
const AFTER = '\n;return typeof program==="object"?program.default:undefined})()})()\n//# sourceURL=' + SOURCE;

/**
 * Evaluates a program's text, a script that defines `program`, in a compartment of its own, and answers `program.default`, whatever that is.
 * @throws what the text throws, SyntaxError included.
 */
export function evaluateProgram(source: string): unknown {
  hardenRealm();
  return new Compartment().evaluate(BEFORE + source + AFTER) as unknown;
}
