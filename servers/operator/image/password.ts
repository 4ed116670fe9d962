// Passwords: from BAILIWICK_PASSWORD, or typed without being shown.
import { FailureCode, failure } from "../failure.ts";

const VARIABLE = "BAILIWICK_PASSWORD";

/** @param prompt what is asked. Throws Failure where there is nobody to ask. */
export function askPassword(prompt: string): Promise<string> {
  const given = process.env[VARIABLE];
  if (given !== undefined) return Promise.resolve(given);
  if (!process.stdin.isTTY) throw failure(FailureCode.key, "a password is needed, and there is no terminal to type it on", { fix: `put it into the environment: ${VARIABLE}` });
  // Before the prompt, or who is quick would see what he types.
  process.stdin.setRawMode(true);
  process.stdin.resume();
  process.stderr.write(`${prompt}: `);
  return new Promise((resolve, reject) => {
    let typed = Buffer.alloc(0);
    const end = (): void => {
      process.stdin.off("data", take);
      process.stdin.setRawMode(false);
      process.stdin.pause();
      process.stderr.write("\n");
    };
    const take = (bytes: Buffer): void => {
      for (const byte of bytes) {
        if (byte === 13 || byte === 10) {
          end();
          return resolve(typed.toString("utf8"));
        }
        if (byte === 3 || byte === 4) {
          end();
          return reject(failure(FailureCode.key, "no password was typed"));
        }
        typed = byte === 127 || byte === 8 ? typed.subarray(0, -1) : Buffer.concat([typed, Buffer.from([byte])]);
      }
    };
    process.stdin.on("data", take);
  });
}

/** Asked twice, where it is typed. */
export async function newPassword(): Promise<string> {
  const password = await askPassword("Password for the new secret key");
  if (process.env[VARIABLE] === undefined && (await askPassword("The same again")) !== password) throw failure(FailureCode.key, "the two passwords are not the same");
  if (password === "") throw failure(FailureCode.key, "an empty password hides nothing", { fix: "for a key that is to be used unattended: --no-password" });
  return password;
}
