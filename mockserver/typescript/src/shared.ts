import { startMock, TOKEN_VARIABLE, URL_VARIABLE } from "./server.js";

/** Start the mock that all workers of a test run share; return a function that stops it. */
export async function startShared(): Promise<() => Promise<void>> {
  const server = await startMock();
  process.env[URL_VARIABLE] = server.url;
  if (server.token) process.env[TOKEN_VARIABLE] = server.token;
  return () => server.stop();
}
