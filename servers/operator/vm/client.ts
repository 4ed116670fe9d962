// A client of the control socket (api.ts).
import { request } from "node:http";
import { Failure, FailureCode, failure } from "../failure.ts";

const PATIENCE_MS = 300_000;

/** What is answered: JSON's value, or text; undefined where nothing is given. @throws Failure with the server's own words, or when nobody answers */
export function ask(socket: string, method: "GET" | "POST" | "PATCH" | "DELETE", path: string, body?: object): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const sent = request({ socketPath: socket, method, path, timeout: PATIENCE_MS, headers: { "content-type": "application/json" } }, (response) => {
      const pieces: Buffer[] = [];
      response.on("data", (piece: Buffer) => pieces.push(piece));
      response.on("error", reject);
      response.on("end", () => {
        const text = Buffer.concat(pieces).toString("utf8"), status = response.statusCode ?? 0;
        const isText = response.headers["content-type"]?.startsWith("text/") === true;
        const value: unknown = text === "" ? undefined : isText ? text : JSON.parse(text);
        if (status < 400) return resolve(value);
        const { message, code } = value as { readonly message: string; readonly code: string | null };
        reject(new Failure(message, 1, code ?? undefined));
      });
    });
    sent.on("timeout", () => sent.destroy(new Error("it does not answer")));
    sent.on("error", (error) => reject(failure(FailureCode.vm, `nobody answers at ${socket}`, { cause: error.message })));
    sent.end(body === undefined ? undefined : JSON.stringify(body));
  });
}
