// Steps: the programs of others that tests ask what they make of our frames, images, signatures, device trees and metrics.
import { fetchedTool } from "./tool.mjs";

export const tcpdump = fetchedTool({
  name: "tcpdump",
  libraries: ["libpcap0.8", "libpcap0.8t64", "libssl3", "libssl3t64", "libdbus-1-3"],
  versionOption: ["--version"],
  version: /^tcpdump version (\S+)/m,
  tests: "read packets",
});

export const minisign = fetchedTool({
  name: "minisign",
  libraries: ["libsodium23"],
  versionOption: ["-v"],
  version: /^minisign (\S+)/m,
  tests: "sign and verify",
});

export const skopeo = fetchedTool({
  name: "skopeo",
  libraries: ["libgpgme11", "libgpgme11t64", "libassuan0", "libassuan9", "libgpg-error0", "libdevmapper1.02.1", "libselinux1", "libudev1", "libsubid4", "libsqlite3-0"],
  versionOption: ["--version"],
  version: /^skopeo version (\S+)/m,
  tests: "copy images",
});

export const dtc = fetchedTool({
  name: "dtc",
  from: "device-tree-compiler",
  libraries: ["libfdt1", "libyaml-0-2"],
  versionOption: ["--version"],
  version: /^Version: DTC (\S+)/m,
  tests: "read device trees",
});

export const promtool = fetchedTool({
  name: "promtool",
  from: "prometheus",
  libraries: [],
  versionOption: ["--version"],
  version: /^promtool, version (\S+)/m,
  tests: "check metrics",
});
