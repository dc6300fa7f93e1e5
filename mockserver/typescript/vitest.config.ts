import { defineConfig } from "vitest/config";

export default defineConfig({
  test: { globalSetup: ["together-rerank-mock/vitest-setup"], include: ["test/**/*.test.ts"], testTimeout: 30_000 },
});
