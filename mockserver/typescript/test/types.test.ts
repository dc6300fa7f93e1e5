import openapiTS, { astToString } from "openapi-typescript";
import { expect } from "vitest";
import { test } from "together-rerank-mock/vitest";

test("the types are those of the control plane's document", async ({ rerankMock }) => {
  const document = await openapiTS(new URL(`${rerankMock.baseUrl}/__admin/openapi.json`));

  const types = `// Made from /__admin/openapi.json; \`npx vitest run -u\` makes it anew.\n\n${astToString(document)}`;
  await expect(types).toMatchFileSnapshot("../src/control-plane.ts");
});
