import { test as base } from "vitest";
import type { RerankMock } from "./index.js";
import { sharedNamespace } from "./shared.js";

/**
 * `test` of vitest with the fixture `rerankMock`: a mock with a namespace of its own, which is verified after the test.
 * Environment variables point clients to it during the test.
 */
export const test = base.extend<{ rerankMock: RerankMock }>({
  rerankMock: async ({ task }, use) => {
    const mock = await sharedNamespace("together-rerank-mock/vitest-setup");
    // Concurrent tests share the environment of their process.
    const restore = task.concurrent ? () => {} : await mock.setEnvironment();
    await use(mock);
    restore();
    if (!task.result?.errors?.length) await mock.verify();
  },
});
