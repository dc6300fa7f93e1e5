import { startShared } from "./shared.js";

/** For `globalSetup` of jest. The mock ends with jest. */
export default async function setup(): Promise<void> {
  await startShared();
}
