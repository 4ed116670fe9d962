// What examples/edge-gateway takes for a request, and for one that the rules allow: the pure parts of its firewall.
import { describe, expect, test } from "vitest";
import { typedAnswer } from "../../examples/edge-gateway/answer.ts";
import { GuestLine } from "../../examples/edge-gateway/line.ts";
import { isAllowed, parseRequest, parseRules } from "../../examples/edge-gateway/rules.ts";

const bytes = (text: string): Uint8Array => Buffer.from(text, "latin1");
const RULES = parseRules(["10.0.2.2:8000/public/", "example.org:80/index.html"]);

describe("requests", () => {
  test.each([
    ["10.0.2.2:8000/public/", true], ["10.0.2.2:8000/public/a/b.txt?x=1", true], ["example.org:80/index.html", true], ["example.org:80/index.html?a", true],
    ["example.org:80/index.html/a", false], ["example.org:80/index.htm", false], ["10.0.2.2:8000/", false], ["10.0.2.2:8000/public", false], ["10.0.2.2:8001/public/", false], ["10.0.2.3:8000/public/", false],
  ])("%s is one, allowed: %s", (page, allowed) => {
    const parsed = parseRequest(`GET ${page}`);
    expect(parsed).toBeDefined();
    expect(isAllowed(RULES, parsed!)).toBe(allowed);
  });

  test.each([
    "", "GET", "GET ", "get 10.0.2.2:8000/public/", "POST 10.0.2.2:8000/public/", "GET  10.0.2.2:8000/public/", "GET 10.0.2.2/public/", "GET :8000/public/", "GET 10.0.2.2:/public/", "GET 10.0.2.2:0/public/",
    "GET 10.0.2.2:65536/public/", "GET 10.0.2.2:08000/public/", "GET 10.0.2.2:8000", "GET 10.0.2.2:8000public/", "GET 10.0.2.2:8000/public/../x", "GET 10.0.2.2:8000/public/..", "GET 10.0.2.2:8000/public/./x",
    "GET 10.0.2.2:8000//public/", "GET 10.0.2.2:8000/public//x", "GET 10.0.2.2:8000/public/%2e%2e/x", "GET 10.0.2.2:8000/public/\\..\\x", "GET 10.0.2.2:8000/public/ x", "GET 10.0.2.2:8000/public/\r\nX", "GET 10.0.2.2:8000/public/#x",
    "GET 10.0.2.2:8000/public/\u00e4", "GET EXAMPLE.ORG:80/index.html", "GET user@example.org:80/index.html", "GET [::1]:80/public/", `GET 10.0.2.2:8000/public/${"a".repeat(400)}`, "GET 10.0.2.2:8000/public/?a?b", "GET 10.0.2.2:8000/public/?\n",
  ])("%j is none", (text) => expect(parseRequest(text)).toBeUndefined());

  test.each([undefined, "10.0.2.2:8000/", [1], ["10.0.2.2"], ["10.0.2.2:8000/a/../b"], ["10.0.2.2:8000/a?b"]])("%j are no rules", (allow) => expect(() => parseRules(allow)).toThrow("args.allow"));
});

describe("a guest's line", () => {
  const TEXT = "a\u001b[6n\u001b_GET x\u001b\\b\u001b\u001b_\u001b\\c\u001b_half\nd\u001b_x\u001b[e\u001b_y\u001b\\";
  const all = (pieces: readonly string[]): { text: string; requests: (string | null)[] } => {
    const line = new GuestLine(), heard = pieces.map((piece) => line.hear(bytes(piece)));
    return { text: heard.map(({ text }) => Buffer.from(text).toString("latin1")).join(""), requests: heard.flatMap(({ requests }) => requests) };
  };

  test("is text and requests, wherever it is cut", () => {
    const whole = all([TEXT]);
    expect(whole).toEqual({ text: "a\u001b[6nb\u001bcde", requests: ["GET x", "", "y"] });
    for (let at = 0; at <= TEXT.length; at++) expect(all([TEXT.slice(0, at), TEXT.slice(at)])).toEqual(whole);
    expect(all([...TEXT])).toEqual(whole);
  });

  test("has no request of any length", () => {
    expect(all([`\u001b_${"x".repeat(700)}\u001b\\`]).requests[0]).toHaveLength(700);
    expect(all([`\u001b_${"x".repeat(100_000)}`, "\u001b\\after"])).toEqual({ text: "after", requests: [null] });
  });
});

test("an answer is lines of printed characters, and the page in them whole", () => {
  for (const length of [0, 1, 2, 3, 56, 57, 58, 1000]) {
    const page = Uint8Array.from({ length }, (_, i) => (i * 37) & 255), [first, ...rest] = Buffer.from(typedAnswer(200, "ok", page)).toString("latin1").split("\n");
    expect([first, ...rest.slice(-2)]).toEqual([`200 ${length} ok`, ".", ""]);
    expect(rest.every((text) => text.length <= 76)).toBe(true);
    expect(Buffer.from(rest.slice(0, -2).join(""), "base64")).toEqual(Buffer.from(page));
  }
});
