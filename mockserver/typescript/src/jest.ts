import type { RerankMock } from "./rerank-mock.js";
import { sharedNamespace } from "./shared.js";

type Hook = (run: () => Promise<void>) => void;

/**
 * Return the mock for the tests of this file, or of the `describe` block. Each test has a namespace of its own; after it,
 * the mock is verified. Environment variables point clients to the mock during a test.
 */
export function useRerankMock(): RerankMock {
  const { beforeEach, afterEach } = globalThis as unknown as Record<"beforeEach" | "afterEach", Hook>;
  let current: RerankMock | undefined;
  let restore = () => {};
  beforeEach(async () => {
    current = await sharedNamespace("together-rerank-mock/jest-setup");
    restore = await current.setEnvironment();
  });
  afterEach(async () => {
    restore();
    await current?.verify();
  });
  return new Proxy({} as RerankMock, {
    get(_, name) {
      if (!current) throw new Error("the mock of useRerankMock() can only be used in a test");
      const value: unknown = Reflect.get(current, name, current);
      return typeof value === "function" ? (value.bind(current) as unknown) : value;
    },
  });
}
