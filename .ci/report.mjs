// node report.mjs REPORT WRONG: prints how many tests of a vitest run passed and failed, and how long the slowest files took; what failed is added to the file WRONG.
import { appendFileSync, readFileSync } from "node:fs";
import { relative } from "node:path";

const SHOWN = 12, MESSAGE_LINES = 12, LINE_CHARACTERS = 6000;
const [, , file, wrong] = process.argv;
const { numPassedTests, numFailedTests, testResults } = JSON.parse(readFileSync(file, "utf8"));
console.log(numPassedTests, numFailedTests);

const name = (result) => relative(process.cwd(), result.name);
const shorten = (text) => text.split("\n").slice(0, MESSAGE_LINES).map((line) => `    ${line.slice(0, LINE_CHARACTERS)}\n`).join("");
for (const result of testResults) {
  const failed = result.assertionResults.filter(({ status }) => status === "failed");
  for (const { fullName, failureMessages } of failed) appendFileSync(wrong, `${name(result)}: ${fullName}\n${shorten(failureMessages.join("\n"))}`);
  // A file that could not be run at all.
  if (result.status === "failed" && failed.length === 0) appendFileSync(wrong, `${name(result)}\n${shorten(result.message ?? "")}`);
}
const seconds = (result) => Math.round((result.endTime - result.startTime) / 1000);
const slowest = [...testResults].sort((a, b) => seconds(b) - seconds(a)).slice(0, SHOWN);
console.error(slowest.map((result) => `   ${seconds(result)} s  ${name(result)}`).join("\n"));
