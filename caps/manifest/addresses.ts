// Addresses of the host as a manifest writes them: where a network device's cable ends, and which of the host's ports lead into a user network.
// Form only: whether an address is this host's own, and its port free, shows when it is opened.

/** An address of UDP or TCP on the host. */
export interface Endpoint {
  /** IPv4 in dotted form, or IPv6 without brackets. */
  readonly address: string;
  /** 1..65535 */
  readonly port: number;
}

/** A port of the host whose connections, or datagrams, are the appliance's. */
export interface Forward {
  readonly protocol: "tcp" | "udp";
  /** On the host; IPv4. */
  readonly host: Endpoint;
  /** In the user network: of whom it gave its one address to. */
  readonly port: number;
}

const OCTET = "(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])";
const IPV4 = `${OCTET}(?:\\.${OCTET}){3}`;
const PORT = "[1-9][0-9]{0,4}";

/** `127.0.0.1:9001`, `[::1]:9001`, or a port alone, which is on loopback. */
export const ENDPOINT_PATTERN = new RegExp(`^(?:(?:${IPV4}|\\[[0-9A-Fa-f:.]{2,45}\\]):)?${PORT}$`);
/** `tcp:127.0.0.1:8080:80`, or without the address, which is loopback then. */
export const FORWARD_PATTERN = new RegExp(`^(?:tcp|udp):(?:${IPV4}:)?${PORT}:${PORT}$`);

const LOOPBACK = "127.0.0.1";
const MAX_PORT = 65_535;

/** undefined: it is not of the form, or a port is too large. */
export function parseEndpoint(text: string): Endpoint | undefined {
  if (!ENDPOINT_PATTERN.test(text)) return undefined;
  const colon = text.lastIndexOf(":");
  const port = Number(text.slice(colon + 1));
  return port > MAX_PORT ? undefined : { address: colon < 0 ? LOOPBACK : text.slice(0, colon).replace(/^\[|\]$/g, ""), port };
}

/** undefined: it is not of the form, or a port is too large. */
export function parseForward(text: string): Forward | undefined {
  if (!FORWARD_PATTERN.test(text)) return undefined;
  const parts = text.split(":");
  const address = parts.length === 4 ? (parts[1] ?? "") : LOOPBACK;
  const [outer, inner] = [Number(parts.at(-2)), Number(parts.at(-1))];
  if (outer > MAX_PORT || inner > MAX_PORT) return undefined;
  return { protocol: parts[0] === "udp" ? "udp" : "tcp", host: { address, port: outer }, port: inner };
}

/** As a manifest has it. */
export const formatEndpoint = ({ address, port }: Endpoint): string => (address.includes(":") ? `[${address}]:${port}` : `${address}:${port}`);

export const formatForward = ({ protocol, host, port }: Forward): string => `${protocol}:${formatEndpoint(host)}:${port}`;

/** Only programs of this computer reach it. */
export const isLoopback = ({ address }: Endpoint): boolean => address.startsWith("127.") || address === "::1";
