import { execFileSync } from "node:child_process";
import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";

const PACKAGE = join(__dirname, "..");

test("the packed package works in another project, and has only its own files", () => {
  const folder = mkdtempSync(join(tmpdir(), "project-"));
  const run = (program: string, ...args: string[]) => execFileSync(program, args, { cwd: folder, encoding: "utf8" });
  const packed = JSON.parse(run("npm", "pack", PACKAGE, "--json", "--silent", "--ignore-scripts")) as [{ filename: string; files: { path: string }[] }];
  const [{ filename, files }] = packed;

  const others = files.map((each) => each.path).filter((path) => !/^dist\/[\w-]+(\.d)?\.m?[jt]s$/.test(path));
  expect(others).toEqual(["LICENSE", "README.md", "package.json"]);

  writeFileSync(join(folder, "package.json"), "{}");
  run("npm", "install", `./${filename}`, "--offline", "--no-audit", "--no-fund");
  const script = `import { startMock } from "together-rerank-mock";
    const server = await startMock();
    console.log(await server.namespace().requests());
    await server.stop();`;
  expect(run("node", "--input-type=module", "-e", script)).toBe("[]\n");
});
