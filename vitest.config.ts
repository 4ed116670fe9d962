import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    // SES hardens the intrinsics of its process, and a machine's memory is given back when its process ends.
    pool: "forks",
    maxWorkers: 2,
    testTimeout: 180_000,
    hookTimeout: 180_000,
    // What was expected and what came, whole enough to be of use where only the message of a failure is kept.
    chaiConfig: { truncateThreshold: 2500 },
  },
});
