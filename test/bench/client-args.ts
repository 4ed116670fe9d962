// How a benchmark tells its client how much to do: arguments are part of what the appliance's image says.
import { SYSTEM_FILE } from "../../caps/image/system.ts";
import type { Appliance } from "../../servers/operator/appliance.ts";

/** The appliance, with these arguments of component `client` in the place of the manifest's. */
export function withClientArgs(appliance: Appliance, args: object): Appliance {
  const components = appliance.system.components.map((each) => (each.name === "client" ? { ...each, args: { ...Object(each.args), ...args } } : each));
  const system = { ...appliance.system, components };
  return { ...appliance, system, files: [...appliance.files.filter(({ name }) => name !== SYSTEM_FILE), { name: SYSTEM_FILE, bytes: Buffer.from(JSON.stringify(system)) }] };
}
