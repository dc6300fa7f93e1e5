import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterEach, beforeEach, expect, test } from "vitest";
import { startMock } from "together-rerank-mock";

const environment = { ...process.env };
let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "mock-"));
  delete process.env["RERANK_MOCK_URL"];
});

afterEach(() => {
  process.env = { ...environment };
});

/** Put a program on the path that writes its arguments to a file, and then runs `script` in bash. */
function program(name: string, script: string): () => string[] {
  writeFileSync(join(folder, name), `#!/bin/bash\necho "$@" >> ${folder}/${name}.log\n${script}\n`);
  chmodSync(join(folder, name), 0o755);
  return () => readFileSync(join(folder, `${name}.log`), "utf8").trim().split("\n");
}

const health = async (url: string) => (await fetch(`${url}/health`)).status;

test("a mock that is started answers until it is stopped", async () => {
  const server = await startMock({ flags: ["--latency", "1ms"] });
  expect(await health(server.url)).toBe(200);

  await server.stop();

  await expect(health(server.url)).rejects.toThrow("fetch failed");
  await expect(startMock({ url: server.url })).rejects.toThrow(`no mock answers at ${server.url}: connect ECONNREFUSED`);
});

test("a mock at a URL is used, and not stopped", async () => {
  const running = await startMock({ flags: ["--admin-token", "sesame"] });
  process.env["RERANK_MOCK_URL"] = `${running.url}/`;

  await expect(startMock()).rejects.toThrow("has a token: set TOGETHER_RERANK_MOCK_ADMIN_TOKEN to it");
  await expect(startMock({ flags: [] })).rejects.toThrow("it takes no command, flags or image");
  const withToken = await startMock({ token: "sesame" });
  expect(await withToken.namespace().requests()).toEqual([]);
  await withToken.stop();

  expect(await health(running.url)).toBe(200);
  await running.stop();
});

test("an invalid flag is reported with what the mock prints", async () => {
  await expect(startMock({ flags: ["--latncy", "1ms"] })).rejects.toThrow(/ended with status 2\n[^]*--latency/);
});

test("a mock that is not ready in time is ended", async () => {
  program("silent", "exec sleep 60");

  await expect(startMock({ command: [join(folder, "silent")], timeout: 50 })).rejects.toThrow("not ready within 50 ms");
});

test("a missing command is named", async () => {
  await expect(startMock({ command: ["no-such-mock"] })).rejects.toThrow(/ended with status 127\nspawn no-such-mock ENOENT/);
});

test("without any command, the message says what to install", async () => {
  process.env["PATH"] = folder;

  await expect(startMock()).rejects.toThrow("pip install together-rerank-kit");
});

test("uvx starts the mock if it is not installed", async () => {
  const log = program("uvx", `PATH=${environment["PATH"]} exec "\${@:3}"`);
  process.env["PATH"] = `${folder}:/usr/bin:/bin`;

  const server = await startMock();
  expect(await health(server.url)).toBe(200);
  await server.stop();

  expect(log().at(-1)).toBe("--from together-rerank-kit together-rerank-mock serve --port 0 --quiet --server threaded");
});

test("docker starts the mock in a container, with a token", async () => {
  const log = program(
    "docker",
    `case $1 in
    --version) ;;
    run) cd ${folder}; exec together-rerank-mock serve --ready-file url --port 0 ;;
    port) sed 's/.*:/127.0.0.1:/' ${folder}/url ;;
    esac`,
  );
  process.env["PATH"] = `${folder}:${environment["PATH"]}`;

  const server = await startMock({ image: "my-mock:1", flags: ["--latency", "1ms"] });
  expect(await server.namespace().requests()).toEqual([]);
  expect((await fetch(`${server.url}/__admin/settings`)).status).toBe(401);
  await server.stop();

  expect(log()[1]).toMatch(
    /^run --rm --name together-rerank-mock-\w+ --publish 127.0.0.1::4010 --env TOGETHER_RERANK_MOCK_ADMIN_TOKEN my-mock:1 serve --host 0.0.0.0 --port 4010 --quiet --server threaded --latency 1ms$/,
  );
});

test("a mock whose watching process was killed can be stopped", async () => {
  program("mock", `echo $PPID $$ > ${folder}/pids; exec together-rerank-mock "$@"`);
  const server = await startMock({ command: [join(folder, "mock")] });
  const [watching, mock] = readFileSync(join(folder, "pids"), "utf8").split(" ").map(Number) as [number, number];

  process.kill(watching, "SIGKILL");
  process.kill(mock);
  await expect.poll(() => promisify(execFile)("kill", ["-0", String(watching)]).catch(() => "gone")).toBe("gone");

  await server.stop();
});

test.each(["process.exit(3)", "throw new Error()", "process.kill(process.pid, 'SIGKILL')"])(
  "the mock ends with a process that ends by %s",
  async (end) => {
    const script = `import { startMock } from "together-rerank-mock";
      const server = await startMock();
      console.log(server.url);
      process.stdin.once("data", () => { ${end} });`;
    const child = spawn(process.execPath, ["--input-type=module", "-e", script], { stdio: ["pipe", "pipe", "ignore"] });
    const [line] = (await once(child.stdout, "data")) as [Buffer];
    const url = line.toString().trim();
    expect(await health(url)).toBe(200);

    child.stdin.write("\n");
    await once(child, "exit");

    await expect.poll(() => health(url).catch(() => "gone"), { timeout: 10_000 }).toBe("gone");
  },
);

test("a running mock does not keep the process alive", async () => {
  const script = `import { startMock } from "together-rerank-mock"; await startMock();`;

  await promisify(execFile)(process.execPath, ["--input-type=module", "-e", script], { timeout: 20_000 });
});
