// Which pages a guest may have: host, port and the beginning of a path, by the manifest's `allow`. What is not plainly a request for such a page is none.

export interface Page {
  readonly host: string;
  readonly port: number;
  readonly path: string;
}

const HOST = /^[a-z0-9][a-z0-9.-]{0,252}$/, PORT = /^[1-9][0-9]{0,4}$/;
/** Nothing that a server could take for something else: no escapes, no spaces, no backslashes. */
const PATH = /^\/[A-Za-z0-9/._~-]*(\?[A-Za-z0-9/._~=&+,-]*)?$/;
const PATH_MOST = 400;

/** HOST:PORT/PATH; undefined for what is none. */
function parsePage(text: string): Page | undefined {
  const slash = text.indexOf("/"), colon = text.indexOf(":");
  if (colon < 1 || slash < colon) return undefined;
  const host = text.slice(0, colon), port = text.slice(colon + 1, slash), path = text.slice(slash);
  if (!HOST.test(host) || !PORT.test(port) || Number(port) > 65_535 || path.length > PATH_MOST || !PATH.test(path)) return undefined;
  // A server may go up by them, or leave them out.
  const [file = ""] = path.split("?");
  if (file.slice(1).split("/").slice(0, -1).includes("") || file.split("/").some((name) => name === "." || name === "..")) return undefined;
  return { host, port: Number(port), path };
}

/** `GET HOST:PORT/PATH` */
export const parseRequest = (text: string): Page | undefined => (text.startsWith("GET ") ? parsePage(text.slice(4)) : undefined);

/** The manifest's: a list of HOST:PORT/PATH; what ends with / allows all that begins so. @throws for what is none */
export function parseRules(allow: unknown): readonly Page[] {
  if (!Array.isArray(allow)) throw new Error('args.allow must be a list, such as ["10.0.2.2:8000/public/"]');
  return allow.map((rule: unknown) => {
    const page = typeof rule === "string" ? parsePage(rule) : undefined;
    if (page === undefined || page.path.includes("?")) throw new Error(`args.allow: ${JSON.stringify(rule)} is no HOST:PORT/PATH`);
    return page;
  });
}

export function isAllowed(rules: readonly Page[], { host, port, path }: Page): boolean {
  const [file = ""] = path.split("?");
  return rules.some((rule) => rule.host === host && rule.port === port && (file === rule.path || (rule.path.endsWith("/") && file.startsWith(rule.path))));
}
