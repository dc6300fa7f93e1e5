import { spawn, spawnSync, type ChildProcess } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { join } from "node:path";
import { RerankMock, TOKEN_VARIABLE } from "./rerank-mock.js";

/** The environment variable with the URL of a running mock. */
export const URL_VARIABLE = "RERANK_MOCK_URL";
// The threaded server has all faults.
const FLAGS = ["--quiet", "--server", "threaded"];
const READY = /listening on (\S+)/;

export interface StartOptions {
  /** The URL of a mock that already runs; by default that in `RERANK_MOCK_URL`. */
  url?: string;
  /** The token of its control plane; by default that in `TOGETHER_RERANK_MOCK_ADMIN_TOKEN`. */
  token?: string;
  /** The command that starts a mock; by default `together-rerank-mock`, or `uvx` if that is not installed. */
  command?: [string, ...string[]];
  /** Run the mock in a container of this image instead, with docker or podman. */
  image?: string;
  /** Flags of `together-rerank-mock serve`, such as `["--latency", "20ms"]`. */
  flags?: string[];
  /** How many milliseconds the mock may take to start: 60,000 by default, because `uvx` downloads it at first. */
  timeout?: number;
}

/** A running mock. */
export class MockServer {
  readonly #process: ChildProcess | undefined;

  constructor(
    /** The base URL of the mock. */
    readonly url: string,
    /** The token of its control plane, if it has one. */
    readonly token: string | undefined,
    process?: ChildProcess,
  ) {
    this.#process = process;
  }

  /** Return a mock for one test, with a key and a state of its own. */
  namespace(): RerankMock {
    return new RerankMock(this.url, this.token, `test-${randomBytes(8).toString("hex")}`);
  }

  /** Stop the mock, if `startMock` has started it. */
  async stop(): Promise<void> {
    const process = this.#process;
    if (process?.exitCode === null && process.signalCode === null) {
      process.ref();
      process.stdin?.end();
      await once(process, "exit");
    }
  }
}

/**
 * Return a running mock: the one at a URL, or else start one on a free port. It ends with this process.
 *
 * @throws Error if no mock answers at the URL, or if none can be started; the message has what it printed.
 */
export async function startMock(options: StartOptions = {}): Promise<MockServer> {
  const url = options.url ?? process.env[URL_VARIABLE];
  const token = options.token ?? process.env[TOKEN_VARIABLE];
  if (url) {
    const { command, flags, image } = options;
    if (command || flags || image) throw new TypeError(`${url} is a mock that runs: it takes no command, flags or image`);
    const server = new MockServer(url.replace(/(\/v1)?\/*$/, ""), token);
    await server.namespace().environment();
    return server;
  }
  return options.image ? inContainer(options.image, options) : inProcess(options);
}

async function inProcess(options: StartOptions): Promise<MockServer> {
  const command = [...(options.command ?? installed()), "serve", "--port", "0", ...FLAGS, ...(options.flags ?? [])];
  // On loopback the control plane needs no token, and one of the environment would be for another mock.
  const [url, child] = await start(command, { [TOKEN_VARIABLE]: undefined }, options.timeout);
  return new MockServer(url, undefined, child);
}

async function inContainer(image: string, options: StartOptions): Promise<MockServer> {
  const token = randomBytes(16).toString("hex");
  const name = `together-rerank-mock-${randomBytes(6).toString("hex")}`;
  const run = ["run", "--rm", "--name", name, "--publish", "127.0.0.1::4010", "--env", TOKEN_VARIABLE, image];
  const serve = ["serve", "--host", "0.0.0.0", "--port", "4010", ...FLAGS, ...(options.flags ?? [])];
  const engine = isInstalled("docker") ? "docker" : "podman";
  const [, child] = await start([engine, ...run, ...serve], { [TOKEN_VARIABLE]: token }, options.timeout);
  const port = spawnSync(engine, ["port", name, "4010/tcp"], { encoding: "utf8" });
  const address = /^127\.0\.0\.1:[0-9]+/m.exec(port.stdout)?.[0];
  const server = new MockServer(`http://${address}`, token, child);
  if (!address) {
    await server.stop();
    throw new Error(`${engine} port ${name} names no port of 127.0.0.1: ${port.stdout}${port.stderr}`);
  }
  return server;
}

/** Return the command that starts a mock, of those that are installed. */
function installed(): [string, ...string[]] {
  const uvx: [string, ...string[]] = ["uvx", "--from", "together-rerank-kit", "together-rerank-mock"];
  const candidates: [string, ...string[]][] = [["together-rerank-mock"], uvx];
  const found = candidates.find(([program]) => isInstalled(program));
  if (!found) {
    const how = "install it with `pip install together-rerank-kit`, or install uv";
    throw new Error(
      `there is no command together-rerank-mock, and no uvx that could download it: ${how}; ` +
        `or set ${URL_VARIABLE} to the URL of a running mock, or the options \`command\` or \`image\``,
    );
  }
  return found;
}

function isInstalled(program: string): boolean {
  return !spawnSync(program, ["--version"]).error;
}

/**
 * Run `command` until this process ends; return the URL that the mock prints when it is ready.
 * Neither the process nor its streams keep this process alive.
 */
async function start(
  command: string[],
  env: Record<string, string | undefined>,
  timeout = 60_000,
): Promise<[string, ChildProcess]> {
  const child = spawn(process.execPath, [join(__dirname, "watch.js"), ...command], { env: { ...process.env, ...env } });
  let output = "";
  try {
    const url = await new Promise<string>((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`the mock was not ready within ${timeout} ms`)), timeout);
      const read = (chunk: Buffer) => {
        // What the mock prints later is not kept.
        output = (output + chunk.toString()).slice(-10_000);
        const found = READY.exec(output)?.[1];
        if (found) resolve(found);
      };
      child.stdout.on("data", read);
      child.stderr.on("data", read);
      child.on("error", reject);
      child.on("exit", (status) => reject(new Error(`the mock ended with status ${status}`)));
      child.on("exit", () => clearTimeout(timer));
      timer.unref();
    });
    return [url, child];
  } catch (error) {
    child.stdin.end();
    throw new Error(`${command.join(" ")}: ${(error as Error).message}${output && `\n${output}`}`);
  } finally {
    child.stdin.on("error", () => {}); // the mock has ended by itself
    for (const each of [child, child.stdin, child.stdout, child.stderr]) (each as { unref?(): void }).unref?.();
  }
}
