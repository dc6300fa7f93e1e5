export { MockServer, startMock, type StartOptions } from "./server.js";
export { RerankMock } from "./rerank-mock.js";
export type { Expected, FaultName, FaultOptions, Faults, Finding, Queued, RecordedRequest, Times } from "./rerank-mock.js";
