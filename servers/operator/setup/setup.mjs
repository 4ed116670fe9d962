#!/usr/bin/env node
// Set-up: makes a fresh clone, or an installed package, ready to run. `npm start`, `npm test`, `npm run setup` and `bailiwick setup` begin here.
//
// This file runs before anything is known about the machine: it must parse on any Node that knows modules, so that an old one is refused in
// words and not with a syntax error. Everything else is loaded only after the check. Nothing in this folder imports a package.
//
// Usage: node setup.mjs [--quiet] [--only STEP[,STEP]] [--retry]
//   --quiet   print only what is done anew, and errors
//   --only    run these steps alone (names: see steps.mjs)
//   --retry   look for Debian's guest packages again at once after they could not be reached
// Exit status: 0 ready; 1 something is missing and the message says what; 2 bad usage; 130 interrupted.

const LOWEST = /** @type {const} */ ([20, 19]);

const parts = process.versions.node.split(".").map(Number);
const major = Number(parts[0]);
const minor = Number(parts[1]);
if (major < LOWEST[0] || (major === LOWEST[0] && minor < LOWEST[1])) {
  refuse("Bailiwick needs Node.js " + LOWEST.join(".") + " or newer; this is " + process.versions.node + " (" + process.execPath + ").\n" +
    "Install Node.js 20, 22 or 24: Debian 13 has it (apt-get install nodejs npm); for other systems see the download page of nodejs.org.");
} else if (process.platform !== "linux" || (process.arch !== "x64" && process.arch !== "arm64")) {
  refuse("Bailiwick runs on Linux on x86-64 or arm64; this is " + process.platform + " on " + process.arch + ".");
} else {
  import("./steps.mjs").then(function (steps) {
    return steps.main(process.argv.slice(2), process.env);
  }).then(function (status) {
    process.exitCode = status;
  }, function (error) {
    refuse(String(error && error.stack || error));
  });
}

/** @param {string} why */
function refuse(why) {
  process.stderr.write("bailiwick: " + why + "\n");
  process.exitCode = 1;
}
