const { useRerankMock } = require("together-rerank-mock/jest");
const { Together } = require("together-ai");

const mock = useRerankMock();

test("a rate limit is retried", async () => {
  await mock.fail(429, { times: 2, retry_after: 0.1 }).then.ok();

  const body = { model: "any", query: "llama", documents: ["panda", "llama"] };
  const answer = await new Together().rerank.create(body);

  expect(answer.results[0].index).toBe(1);
  await mock.assertCalled({ times: 3 });
  await mock.assertResilient();
});

test("each test has a journal of its own", async () => {
  expect(await mock.requests()).toEqual([]);
});
