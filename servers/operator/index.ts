// The public API of the package. `import { boot } from "bailiwick"`; what is exported here is kept stable, nothing else is.
export { boot, type BootOptions, type Ending, type System, type SystemStats } from "../../core/boot.ts";
export type { BootFile, ConsoleBackend } from "../../core/host/backend.ts";
export { openCapture, openTerminal, type Capture, type Terminal, type TerminalOptions } from "../../core/host/terminal.ts";
export * from "../../caps/abi/numbers.ts";
export { protocol, protocolHeader, type Method, type Protocol } from "../../caps/protocol/protocol.ts";
export type { ResolvedComponent, ResolvedSystem, ResolvedUse } from "../../caps/image/system.ts";
export { formatDiagnostic, formatDiagnostics, type Diagnostic, type Result } from "../../caps/manifest/diagnostic.ts";
export { parseManifest, type ParsedManifest } from "../../caps/manifest/parse.ts";
export { resolveManifest, type Resolution } from "../../caps/manifest/resolve.ts";
export type { Board, Device, GuestFacts, ProtocolFacts, Resources } from "../../caps/manifest/resources.ts";
export { manifestJsonSchema, type Manifest } from "../../caps/manifest/schema.ts";
export { prepareAppliance, type Appliance, type ExecRequest, type PrepareOptions } from "./appliance.ts";
export { verifyAttestation, type Expectation, type Statement, type Verdict } from "./attestation.ts";
export { attestationKey, platformSecret } from "./platform-key.ts";
export type { Measurement, Measurements } from "../../caps/image/measurements.ts";
export { parseEvent, type SystemEvent } from "./events.ts";
export { ExitStatus, Failure } from "./failure.ts";
export { startSession, type Outcome, type Session, type SessionOptions } from "./session.ts";
