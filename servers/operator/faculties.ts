// What a manifest's `operator` does not leave to whoever runs the appliance. It binds `bailiwick` and who has nothing else; who may change the manifest, or this
// program, can do what he likes with a machine of his own.
import { FACULTIES, type Faculty } from "../../caps/image/faculties.ts";
import type { ResolvedSystem } from "../../caps/image/system.ts";
import { ExitStatus, FailureCode, failure } from "./failure.ts";

/** @param asked the option that asks for it @throws Failure (status 4) */
export function checkFaculty({ denied = [] }: Pick<ResolvedSystem, "denied">, faculty: Faculty, asked = faculty as string): void {
  if (!denied.includes(faculty)) return;
  throw failure(FailureCode.denied, `${asked} is denied`, {
    cause: `the manifest does not let its operator ${FACULTIES[faculty]}`,
    fix: `leave it out; or, if the appliance is yours, allow '${faculty}' under 'operator'`,
    status: ExitStatus.denied,
  });
}
