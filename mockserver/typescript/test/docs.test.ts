import { execFile } from "node:child_process";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { expect, test } from "vitest";

const PACKAGE = join(__dirname, "..");
const BUILD = join(PACKAGE, "build");

/** Write the files of a section of the page to a folder in this package; a file begins with its name. */
function written(section: string, page = "docs/typescript.md"): string {
  const folder = join(BUILD, section.replace(/\W/g, "-"));
  rmSync(folder, { recursive: true, force: true });
  const content = readFileSync(join(PACKAGE, "../..", page), "utf8");
  const text = content.split(/^## /m).find((each) => each.startsWith(`${section}\n`)) ?? "";
  const files = [...text.matchAll(/^```[jt]s\n\/\/ (\S+)\n([^]*?)^```/gm)];
  expect(files.length).toBeGreaterThan(0);
  for (const [, name = "", content = ""] of files) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), content);
  }
  return folder;
}

const run = async (program: string, ...args: string[]) => {
  const env = { ...process.env, RERANK_MOCK_URL: undefined, VITEST: undefined };
  const { stdout, stderr } = await promisify(execFile)(program, args, { cwd: PACKAGE, env });
  return stdout + stderr;
};

test.each([["vitest"], ["Use it in TypeScript", "README.md"]])("the tests for vitest pass: %s", async (...place) => {
  expect(await run("npx", "vitest", "run", "--root", written(...(place as [string])))).toMatch(/Tests .*1 passed/);
});

test("the tests for jest pass", async () => {
  expect(await run("npx", "jest", "--rootDir", written("jest"), "--config", join(written("jest"), "jest.config.cjs"))).toMatch(
    /Tests: .*1 passed/,
  );
});

test("the test for another framework passes", async () => {
  expect(await run("node", "--test", written("Other frameworks"))).toMatch(/pass 1\n/);
});
