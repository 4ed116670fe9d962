// An answer as it is typed at the guest: lines, since that is what a terminal hands on whole. `STATUS BYTES WHY`, the page in base64 (RFC 4648), and a dot.

const DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const LINE_BYTES = 57;

const encode = (text: string): Uint8Array => Uint8Array.from(text, (letter) => letter.charCodeAt(0));

function base64(bytes: Uint8Array): string {
  let text = "";
  for (let at = 0; at < bytes.length; at += 3) {
    const [a = 0, b = 0, c = 0] = bytes.subarray(at, at + 3), word = (a << 16) | (b << 8) | c, left = bytes.length - at;
    text += DIGITS[word >> 18]! + DIGITS[(word >> 12) & 63]! + (left > 1 ? DIGITS[(word >> 6) & 63]! : "=") + (left > 2 ? DIGITS[word & 63]! : "=");
  }
  return text;
}

export function typedAnswer(status: number, why: string, page: Uint8Array): Uint8Array {
  const lines = [`${status} ${page.length} ${why}`];
  for (let at = 0; at < page.length; at += LINE_BYTES) lines.push(base64(page.subarray(at, at + LINE_BYTES)));
  return encode(`${lines.join("\n")}\n.\n`);
}
