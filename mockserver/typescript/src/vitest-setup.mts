import { startShared } from "./shared.js";

/** For `globalSetup` of vitest. */
export default startShared;
