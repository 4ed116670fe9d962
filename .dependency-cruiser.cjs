// Who may import whom: the folders are the architecture (DESIGN: folders), and each folder's README says the same in words.
const OURS = "^(caps|core|servers|vmm|guests|examples|test)/";

/** Files under `from` may import, of our own code, only what `allowed` matches. */
const only = (name, from, allowed, comment) => ({ name, comment, severity: "error", from: { path: from }, to: { path: OURS, pathNot: allowed } });

/** No host and no packages: what the kernel is must follow from its inputs alone. */
const pure = (name, from, comment) => ({
  name,
  comment,
  severity: "error",
  from: { path: from },
  to: { dependencyTypes: ["core", "npm", "npm-dev", "npm-optional", "npm-peer", "npm-no-pkg", "npm-unknown"] },
});

module.exports = {
  forbidden: [
    only("caps", "^caps/", ["^caps/"], "The capability model and SDK stand alone."),
    only("kernel", "^core/kernel/", ["^core/kernel/", "^caps/(abi|model)/"], "The kernel knows its machine only as an interface."),
    only("devices", "^core/devices/", ["^core/devices/", "^caps/"], "Device models are pure, and shared with the VMM."),
    only("core", "^core/", ["^core/", "^caps/"], "The core knows no server."),
    only("servers-lib", "^servers/lib/", ["^servers/lib/", "^servers/[^/]+/protocol[.]ts$", "^caps/"], "What programs link."),
    only(
      "servers",
      "^servers/(?!operator/|lib/)([^/]+)/",
      ["^servers/$1/", "^servers/lib/", "^servers/[^/]+/protocol[.]ts$", "^caps/"],
      "A server knows other servers by their protocols only.",
    ),
    only("vmm", "^vmm/", ["^vmm/", "^servers/lib/", "^servers/[^/]+/protocol[.]ts$", "^caps/", "^core/devices/"], "The VMM is a server that uses the device models as a library."),
    only("guests", "^guests/", ["^guests/", "^vmm/spec[.]ts$", "^caps/manifest/diagnostic[.]ts$"], "A guest's folder says how its image is obtained and described."),
    only("examples", "^examples/([^/]+)/", ["^examples/$1/", "^servers/operator/(sdk|index)[.]ts$"], "Examples use the public API."),
    pure("pure-kernel", "^core/kernel/", "(state, input) → state: no host call, no clock, no random source."),
    pure("pure-model", "^caps/(abi|model|protocol|graph|image)/", "The model and the ABI are data and functions."),
    pure("pure-devices", "^core/devices/", "Device models are serialisable and run inside hosted programs."),
    { name: "no-tests", comment: "Nothing depends on tests.", severity: "error", from: { pathNot: "^test/" }, to: { path: "^test/" } },
    { name: "one-loader", comment: "Only unicorn.ts loads the addon.", severity: "error", from: { pathNot: "^core/machine/unicorn[.]ts$" }, to: { path: "[.]node$" } },
    { name: "unresolvable", severity: "error", from: {}, to: { couldNotResolve: true, pathNot: "^bailiwick(/sdk)?$" } },
    { name: "orphan-cycle", comment: "Cycles between folders hide the architecture.", severity: "error", from: { path: "^(caps|servers|vmm|guests)/" }, to: { circular: true } },
  ],
  options: {
    doNotFollow: { path: "node_modules" },
    exclude: { path: "(^|/)(build|dist)/" },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: "tsconfig.json" },
    enhancedResolveOptions: { exportsFields: ["exports"], conditionNames: ["import", "default"] },
  },
};
