// Step: the native addon (core/machine/native), built by node-gyp against the libunicorn that was found.
//
// It is rebuilt when its sources, the engine's version or place, Node's major version or the compiler's machine change. With BAILIWICK_UNICORN
// set, a build of its own goes to .bailiwick/native-VERSION, beside the usual one: BAILIWICK_ADDON then names the file to load.
import { cpSync, existsSync, readFileSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { basename, dirname, join } from "node:path";
import { mustRun } from "./command.mjs";
import { SetupFailure } from "./failure.mjs";
import { hashOf, readIfAny, writeWhole } from "./stamp.mjs";

/** @type {import("./steps.mjs").Step} */
export const addon = {
  name: "addon",
  title: "native addon",
  ready(context) {
    if (context.record.unicorn === undefined) return false;
    const plan = planBuild(context, context.record.unicorn);
    return readIfAny(plan.stamp) === plan.hash && existsSync(plan.output);
  },
  async run(context, line) {
    const { unicorn } = context.record;
    if (unicorn === undefined) throw new SetupFailure("the addon needs libunicorn: run the step `unicorn` first");
    const { source, folder, stamp, hash, output } = planBuild(context, unicorn);
    line.live("node-gyp");
    rmSync(stamp, { force: true });
    if (folder !== source) {
      rmSync(folder, { recursive: true, force: true });
      cpSync(source, folder, { recursive: true, filter: (path) => basename(path) !== "build" });
    }
    const headers = nodeHeaders();
    await mustRun(process.execPath, [
      createRequire(join(context.places.root, "package.json")).resolve("node-gyp/bin/node-gyp.js"),
      "rebuild", "-j", "max", ...(headers === undefined ? [] : [`--nodedir=${headers}`]),
    ], {
      cwd: folder,
      env: { UNICORN_INCLUDE: unicorn.include, UNICORN_LIB: unicorn.lib },
      onLine: (text) => line.live(text),
      ...(headers === undefined ? { remedy: HEADERS_REMEDY } : {}),
    });
    if (!existsSync(output)) throw new SetupFailure(`node-gyp ended well but there is no ${output}`);
    writeWhole(stamp, hash);
    context.record.addon = output;
    return `built against libunicorn ${unicorn.version}${folder === source ? "" : `; BAILIWICK_ADDON=${output}`}`;
  },
};

const HEADERS_REMEDY = "Node's C headers are not beside this node, and node-gyp could not fetch them. Debian's own nodejs: apt-get install libnode-dev.\n" +
  "Other builds of Node (its tar files, NodeSource, version managers, container images) carry them in include/node: use one of those.";

/**
 * @param {import("./steps.mjs").Context} context
 * @param {import("./unicorn.mjs").Unicorn} unicorn
 */
function planBuild({ places, env }, unicorn) {
  const source = join(places.root, "core", "machine", "native");
  if (!existsSync(join(source, "binding.gyp"))) throw new SetupFailure(`the addon's sources are not in ${source}`);
  const exact = env["BAILIWICK_UNICORN"];
  const folder = exact ? join(places.own, `native-${exact}`) : source;
  const target = /["']?target_name["']?\s*:\s*["']([^"']+)["']/.exec(readFileSync(join(source, "binding.gyp"), "utf8"))?.[1];
  if (target === undefined) throw new SetupFailure("core/machine/native/binding.gyp names no target");
  const node = `${process.arch} ${process.versions.modules}`;
  return {
    source,
    folder,
    stamp: join(folder, "build", "inputs.sha256"),
    output: join(folder, "build", "Release", `${target}.node`),
    hash: hashOf(source, [source], (name) => name === "build" || name.endsWith(".md"), [unicorn.version, unicorn.lib, node]),
  };
}

/** @returns {string | undefined} the prefix whose include/node has the headers of the running Node */
function nodeHeaders() {
  const prefix = join(dirname(process.execPath), "..");
  const text = readIfAny(join(prefix, "include", "node", "node_version.h")) ?? "";
  const major = /#define NODE_MAJOR_VERSION (\d+)/.exec(text)?.[1];
  return major === process.versions.node.split(".")[0] && existsSync(join(prefix, "include", "node", "node_api.h")) ? prefix : undefined;
}
