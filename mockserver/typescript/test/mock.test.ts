import { describe, expect } from "vitest";
import { createTogetherAI } from "@ai-sdk/togetherai";
import { rerank } from "ai";
import { CohereClientV2 } from "cohere-ai";
import Together from "together-ai";
import { startMock, type RerankMock } from "together-rerank-mock";
import { test } from "together-rerank-mock/vitest";

const QUERY = "llamas in Peru";
const DOCUMENTS = ["Pandas live in China.", "A llama, seen in Peru.", "The capital is Lima."];
const COHERE_RERANK = { model: "rerank-v3.5", query: QUERY, documents: DOCUMENTS };

async function search(options: ConstructorParameters<typeof Together>[0] = {}): Promise<number[]> {
  const answer = await new Together(options).rerank.create({ model: "any", query: QUERY, documents: DOCUMENTS });
  return answer.results.map((result) => result.index);
}

const cohere = (mock: RerankMock) => new CohereClientV2({ environment: mock.urlFor("cohere"), token: mock.apiKey });

describe("clients", () => {
  test("together-ai retries a rate limit", async ({ rerankMock }) => {
    await rerankMock.fail(429, { times: 2, retry_after: 0.1 }).then.ok();

    expect(await search()).toEqual([1, 0, 2]);

    await rerankMock.assertCalled({ times: 3, query: QUERY });
    await rerankMock.assertResilient();
    expect((await rerankMock.requests()).map((each) => each.status)).toEqual([429, 429, 200]);
  });

  test("the AI SDK gets the ranking", async ({ rerankMock }) => {
    await rerankMock.rank([2, 0]);
    const together = createTogetherAI({ baseURL: `${rerankMock.baseUrl}/v1`, apiKey: rerankMock.apiKey });

    const { ranking } = await rerank({ model: together.reranking("any"), query: QUERY, documents: DOCUMENTS });

    expect(ranking.map((each) => each.originalIndex)).toEqual([2, 0, 1]);
  });

  test("cohere-ai calls its own API", async ({ rerankMock }) => {
    await rerankMock.rankFirst("Lima", { times: 1 });

    const first = await cohere(rerankMock).rerank(COHERE_RERANK);
    const second = await cohere(rerankMock).rerank(COHERE_RERANK);

    expect([first, second].map((answer) => answer.results[0]?.index)).toEqual([2, 1]);
    const last = await rerankMock.lastRequest();
    expect(last.path).toBe("/cohere/v2/rerank");
    expect(last.answer).toMatchObject({ results: [{ index: 1 }, { index: 0 }, { index: 2 }] });
  });
});

describe("a test of its own", () => {
  for (const number of [1, 2, 3, 4]) {
    test.concurrent(`parallel tests do not share faults: ${number}`, async ({ rerankMock, expect }) => {
      const client = { baseURL: rerankMock.baseUrl, apiKey: rerankMock.apiKey };
      await rerankMock.fault("delay", { delay: "50ms", times: number });
      await rerankMock.scores({ "2": 0.9, "0": number / 10 });

      for (let call = 0; call < number; call++) expect(await search(client)).toEqual([2, 0, 1]);

      await rerankMock.assertCalled({ times: number });
    });
  }

  test.concurrent("a concurrent test leaves the environment alone", async ({ rerankMock, expect }) => {
    expect(process.env["TOGETHER_API_KEY"]).not.toBe(rerankMock.apiKey);
  });

  test("the environment is restored", async ({ rerankMock }) => {
    const before = process.env["TOGETHER_API_KEY"];
    expect(before).toBe(rerankMock.apiKey);

    const other = (await startMock()).namespace();
    const restore = await other.setEnvironment();
    expect(process.env["TOGETHER_API_KEY"]).toBe(other.apiKey);
    restore();

    expect(process.env["TOGETHER_API_KEY"]).toBe(before);
  });
});

describe("faults", () => {
  test("a chain is queued in its order, also without await", async ({ rerankMock }) => {
    void rerankMock.fail(503, { retry_after: 0 }).then.delay(10).then.fault("unsorted").then.ok({ times: 2 });

    expect(await rerankMock.verify().catch((error: Error) => error.message)).toBe(
      "rerank mock:\nunused fault: 503 (1 left)\nunused fault: delay (1 left)\nunused fault: unsorted (1 left)",
    );
    await rerankMock.reset();
  });

  test("a fault that is added later is queued after those before", async ({ rerankMock }) => {
    const queued = rerankMock.fail(500);
    await queued;
    await queued.then.fail(503);

    await expect(rerankMock.verify()).rejects.toThrow("unused fault: 500 (1 left)\nunused fault: 503 (1 left)");
    await rerankMock.reset();
  });

  test("a connection can be reset", async ({ rerankMock }) => {
    await rerankMock.fault("reset");

    expect(await search()).toEqual([1, 0, 2]);

    expect((await rerankMock.requests()).map((each) => each.status)).toEqual([null, 200]);
  });

  test("an invalid fault that is not awaited is an unhandled rejection", async ({ rerankMock }) => {
    const rejected = new Promise((resolve) => {
      const others = process.listeners("unhandledRejection");
      process.removeAllListeners("unhandledRejection").once("unhandledRejection", (reason) => {
        others.forEach((each) => process.on("unhandledRejection", each));
        resolve(reason);
      });
    });

    void rerankMock.fault("ok", { times: 0 });

    expect(String(await rejected)).toContain("`times` must be an integer from 1");
  });

  test("an invalid fault is refused with what is accepted", async ({ rerankMock }) => {
    expect(() => rerankMock.fail(200)).toThrow("fail() takes a status from 300 to 599, such as 429, not 200");
    await expect(rerankMock.fail(429.5)).rejects.toThrow("there is no fault `429.5`; the nearest:");
    // @ts-expect-error a fault has no such name
    await expect(rerankMock.fault("unsortd")).rejects.toThrow("unsorted");
    // @ts-expect-error a fault has no such parameter
    await expect(rerankMock.fail(429, { retryAfter: 1 })).rejects.toThrow("did you mean `retry_after`?");
    await expect(rerankMock.fault("ok", { times: "always" }).then.ok()).rejects.toThrow("no fault can follow");
  });

  test("calls with a word have faults of their own", async ({ rerankMock }) => {
    const other = rerankMock.forCallsWith("call17");
    await other.fail(400);

    expect(await search()).toEqual([1, 0, 2]);
    const documents = [...DOCUMENTS, "call17"];
    await expect(new Together().rerank.create({ model: "any", query: QUERY, documents })).rejects.toThrow("400");

    expect((await other.requests()).length).toBe(1);
    other.expectRefusal(0);
    await other.fail(429);
    await expect(rerankMock.verify()).rejects.toThrow("unused fault: 429 (1 left)");
    await other.reset();
  });
});

describe("assertions", () => {
  test("a client that ignores Retry-After is not resilient", async ({ rerankMock }) => {
    await rerankMock.fail(429, { retry_after: 5 });
    const headers = { Authorization: `Bearer ${rerankMock.apiKey}`, "Content-Type": "application/json" };
    const body = JSON.stringify({ model: "any", query: QUERY, documents: DOCUMENTS });
    for (const _ of [1, 2]) await fetch(`${rerankMock.baseUrl}/v1/rerank`, { method: "POST", headers, body });

    await expect(rerankMock.assertResilient()).rejects.toThrow("whose Retry-After was 5 s");
    expect((await rerankMock.resilience())[0]).toMatchObject({ rule: "ignored-retry-after", requests: [1, 2] });
  });

  test("without a request, assertions fail", async ({ rerankMock }) => {
    const none = `the mock at ${rerankMock.baseUrl} received no request with the key ${rerankMock.apiKey}`;
    await expect(rerankMock.assertResilient()).rejects.toThrow(none);
    await expect(rerankMock.lastRequest()).rejects.toThrow(none);
    await expect(rerankMock.assertCalled({ query: QUERY })).rejects.toThrow(`0 of 0 match\n${none}`);
  });

  test("a journal that has dropped requests cannot be asserted", async () => {
    const server = await startMock({ url: "", flags: ["--journal-max", "1"] });
    const mock = server.namespace();
    for (const _ of [1, 2]) await search({ baseURL: mock.baseUrl, apiKey: mock.apiKey });

    await expect(mock.assertCalled()).rejects.toThrow("1 requests are no longer in the journal");
    await server.stop();
  });

  test("a failed assertCalled shows the requests", async ({ rerankMock }) => {
    await search();

    await rerankMock.assertCalled();
    await rerankMock.assertCalled({ documents: DOCUMENTS, status: 200, path: "/rerank" });
    await rerankMock.assertCalled({ times: 0, top_n: 2 });
    await rerankMock.assertCalled({ top_n: null });
    // @ts-expect-error a request has no such field
    await expect(rerankMock.assertCalled({ topN: 2 })).rejects.toThrow("has no field `topN`; known: times, model");
    await expect(rerankMock.assertCalled({ query: "pandas" })).rejects.toThrow(/expected a request .* 0 of 1 match\n.*llamas/);
  });

  test("a ranking and a fault that change nothing fail the test", async ({ rerankMock }) => {
    await rerankMock.rank(["alpaca"], { times: 1 });
    await rerankMock.fault("unsorted");
    const client = { baseURL: rerankMock.baseUrl, apiKey: rerankMock.apiKey };
    await new Together(client).rerank.create({ model: "any", query: "llama", documents: ["llama"] });

    const why = /unused fault: unsorted[^]*the fault could not change .*llama[^]*no request had a document that it names/;
    await expect(rerankMock.verify()).rejects.toThrow(why);
    await rerankMock.reset();
  });

  test("an unused ranking and an invalid request fail the test", async ({ rerankMock }) => {
    await rerankMock.rank(["llama"]);
    await new Together().rerank.create({ model: "any", query: "", documents: [] }).catch(() => {});

    await expect(rerankMock.verify()).rejects.toThrow(/unused ranking: .*llama[^]*unexpected invalid requests[^]* -> 400/);

    rerankMock.expectRefusal(2);
    await expect(rerankMock.verify()).rejects.toThrow("expectRefusal() expects 2 invalid requests, got 1");
    await rerankMock.reset();
  });
});
