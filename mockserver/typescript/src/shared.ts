import { TOKEN_VARIABLE, type RerankMock } from "./rerank-mock.js";
import { startMock, URL_VARIABLE } from "./server.js";

/** Start the mock that all workers of a test run share; return a function that stops it. */
export async function startShared(): Promise<() => Promise<void>> {
  const server = await startMock();
  process.env[URL_VARIABLE] = server.url;
  if (server.token) process.env[TOKEN_VARIABLE] = server.token;
  return () => server.stop();
}

/** Return the shared mock for one test; `setup` is the `globalSetup` that starts it. */
export async function sharedNamespace(setup: string): Promise<RerankMock> {
  if (!process.env[URL_VARIABLE]) {
    throw new Error(`no mock runs: add "${setup}" to globalSetup of the configuration, or set ${URL_VARIABLE}`);
  }
  return (await startMock()).namespace();
}
