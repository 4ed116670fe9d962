// How the operator's commands fail, and what their exit statuses mean.

/**
 * Exit statuses of `bailiwick`. A run that came to its own end has the status of what ended it (an essential component's, or the guest command's);
 * the guest's own failures are 81..84 (vmm/spec.ts), a component's unrepaired fault 70.
 */
export const ExitStatus = {
  ok: 0,
  failed: 1,
  usage: 2,
  /** A file is not what its description says: damaged, or its signature is wrong. */
  verification: 3,
  /** Policy forbids it. */
  denied: 4,
  /** `--timeout` is over. */
  timeout: 5,
  hangup: 129,
  interrupt: 130,
  /** The reader of standard output has gone. */
  brokenPipe: 141,
  terminate: 143,
} as const;
export type ExitStatus = (typeof ExitStatus)[keyof typeof ExitStatus];

/** Errors of the operator beside the manifest's own (caps/manifest/diagnostic.ts). Numbers are stable. */
export const FailureCode = {
  noManifest: "BW0301",
  noFile: "BW0302",
  damagedFile: "BW0303",
  compile: "BW0304",
  bundle: "BW0305",
  badProgram: "BW0306",
  guestImage: "BW0307",
  doesNotFit: "BW0308",
  hostMemory: "BW0309",
  exec: "BW0310",
  start: "BW0311",
  engine: "BW0312",
  notSetUp: "BW0313",
  trace: "BW0314",
  disk: "BW0315",
  platformKey: "BW0316",
  attestation: "BW0317",
  network: "BW0318",
  display: "BW0320",
  capture: "BW0321",
  exists: "BW0322",
  denied: "BW0323",
  snapshot: "BW0324",
  guestState: "BW0325",
  control: "BW0326",
  vm: "BW0327",
  gdb: "BW0328",
  output: "BW0329",
  image: "BW0330",
  key: "BW0331",
  lock: "BW0332",
  rollback: "BW0333",
} as const;
export type FailureCode = (typeof FailureCode)[keyof typeof FailureCode];

/** Ends a command: the text is for the user, as it stands. Thrown, because it leaves through many layers at once and only the entry answers it. */
export class Failure extends Error {
  readonly status: number;
  readonly code: string | undefined;
  constructor(text: string, status: number = ExitStatus.failed, code?: string) {
    super(text);
    this.name = "Failure";
    this.status = status;
    this.code = code;
  }
}

/** A failure in the manifest's style: `error[CODE]: what`, then cause and fix. Texts of several lines are indented as one. */
export function failure(code: FailureCode, what: string, more: { readonly cause?: string; readonly fix?: string; readonly status?: number } = {}): Failure {
  const lines = [`error[${code}]: ${what}`];
  if (more.cause !== undefined) lines.push(...more.cause.trimEnd().split("\n").map((line) => `  | ${line}`));
  if (more.fix !== undefined) lines.push(`  = fix: ${more.fix.trimEnd().replaceAll("\n", "\n         ")}`);
  return new Failure(lines.join("\n"), more.status ?? ExitStatus.failed, code);
}

/** The toolchain's error: its text is the compiler's own. */
export function compileFailure(what: string, { message, fix }: { readonly message: string; readonly fix?: string }): Failure {
  return failure(FailureCode.compile, what, { cause: message, ...(fix === undefined ? {} : { fix }) });
}

/** A mistake on the command line. */
export const usageError = (what: string, fix?: string): Failure => new Failure(`bailiwick: ${what}${fix === undefined ? "" : ` (${fix})`}\nTry 'bailiwick --help'.`, ExitStatus.usage);

/** The text of whatever was thrown by somebody else's code. */
export const textOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
