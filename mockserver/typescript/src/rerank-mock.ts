import { isDeepStrictEqual } from "node:util";
import type { components, paths } from "./control-plane.js";

type Schemas = components["schemas"];
/** One request to the mock, and its answer. */
export type RecordedRequest = Schemas["JournalEntry"];
/** Something that a client should not do. */
export type Finding = Schemas["Resilience"]["findings"][number];
export type FaultName = Schemas["FaultName"];
/** The parameters of a fault: durations are milliseconds, or text such as `"250ms"`; `retry_after` is seconds. */
export type FaultOptions = Schemas["FaultParameters"] & { times?: Schemas["Times"] };
export interface Times {
  /** How many calls get it; `"always"` for all further calls. */
  times?: number | "always";
}
/** Fields that a request must have. */
export interface Expected {
  model?: unknown;
  query?: unknown;
  documents?: unknown;
  top_n?: unknown;
  return_documents?: unknown;
  rank_fields?: unknown;
  status?: number | null;
  path?: string;
}

/** The methods that request a fault for the next calls. */
export interface Faults {
  /** Answer with a status from 300 to 599. */
  fail(status: number, options?: FaultOptions): Queued;
  /** Apply the fault `name`; `together-rerank-mock faults` lists the names. */
  fault(name: FaultName, options?: FaultOptions): Queued;
  /** Delay the answers by milliseconds, or by text such as `"250ms"`. */
  delay(duration: number | string, options?: FaultOptions): Queued;
  /** Answer without a fault. */
  ok(options?: FaultOptions): Queued;
}

/** A requested fault: await it, or request the next one: `await mock.fail(429, { times: 2 }).then.ok()`. */
export interface Queued extends PromiseLike<void> {
  then: PromiseLike<void>["then"] & Faults;
}

const REFUSED = ["refused", "misuse", "limit"];
const REFUSED_STATUSES = [400, 404, 405, 413, 422, 501];

/** The mock as one test sees it: its calls have the key `apiKey`, and a queue, rankings and a journal of their own. */
export class RerankMock implements Faults {
  #last: Promise<unknown> = Promise.resolve();
  #refusals = 0;

  constructor(
    /** The URL of the mock, which is the base URL for clients of Together. */
    readonly baseUrl: string,
    private readonly token: string | undefined,
    /** The key for clients. */
    readonly apiKey: string,
    private readonly word?: string,
  ) {}

  /** Return the base URL for clients of another API, such as `"cohere"`. */
  urlFor(dialect: string): string {
    return `${this.baseUrl}/${dialect}`;
  }

  /** Return the mock as the calls see it whose body contains `text`: letters, digits, `-` and `_`. */
  forCallsWith(text: string): RerankMock {
    return new RerankMock(this.baseUrl, this.token, this.apiKey, text);
  }

  /** Return the environment variables that point clients to the mock. */
  environment(): Promise<Record<string, string>> {
    return this.#call("GET", "environment");
  }

  /** Set the environment variables that point clients to the mock; return a function that restores them. */
  async setEnvironment(): Promise<() => void> {
    const variables = await this.environment();
    const before = Object.keys(variables).map((name) => [name, process.env[name]] as const);
    Object.assign(process.env, variables);
    return () => {
      for (const [name, value] of before) {
        if (value === undefined) delete process.env[name];
        else process.env[name] = value;
      }
    };
  }

  fail(status: number, options: FaultOptions = {}): Queued {
    return this.#queue().then.fail(status, options);
  }

  fault(name: FaultName, options: FaultOptions = {}): Queued {
    return this.#queue().then.fault(name, options);
  }

  delay(duration: number | string, options: FaultOptions = {}): Queued {
    return this.#queue().then.delay(duration, options);
  }

  ok(options: FaultOptions = {}): Queued {
    return this.#queue().then.ok(options);
  }

  /** Rank these documents first, by their indexes or by texts that they contain, for all further calls. */
  rank(first: number[] | string[], options: Times = {}): Promise<void> {
    return this.#setRanking({ rank: first }, options);
  }

  /** Rank the documents that contain `text` first. */
  rankFirst(text: string, options: Times = {}): Promise<void> {
    return this.#setRanking({ rank_first: text }, options);
  }

  /** Give documents scores, by their index or by a text that they contain. */
  scores(scores: Record<string, number>, options: Times = {}): Promise<void> {
    const byIndex = Object.keys(scores).every((each) => /^[0-9]+$/.test(each));
    return this.#setRanking(byIndex ? { scores } : { text_scores: scores }, options);
  }

  /** Return the requests of this test, in the order of their arrival. */
  async requests(): Promise<RecordedRequest[]> {
    const { requests } = await this.#call<Schemas["Journal"]>("GET", "requests");
    return requests.sort((a, b) => (a.time < b.time ? -1 : a.time > b.time ? 1 : 0));
  }

  /** Return the last request; throw if there is none. */
  async lastRequest(): Promise<RecordedRequest> {
    const last = (await this.requests()).at(-1);
    if (!last) throw new Error(this.#noRequest());
    return last;
  }

  /** Throw unless there are requests with these fields: as many as `times` says, or any. */
  async assertCalled({ times, ...expected }: Expected & { times?: number } = {}): Promise<void> {
    const requests = await this.requests();
    const found = requests.filter((request) => matches(request, expected)).length;
    if (times === undefined ? !found : found !== times) {
      const wanted = `${times ?? "a"} request${times === undefined || times === 1 ? "" : "s"}`;
      const lines = requests.length ? requests.map(described) : [this.#noRequest()];
      const how = `expected ${wanted} with ${JSON.stringify(expected)}; ${found} of ${requests.length} match`;
      throw new Error([how, ...lines].join("\n"));
    }
  }

  /** Return what the code under test does wrong as a client, by all requests of this test. */
  async resilience(): Promise<Finding[]> {
    return (await this.#call<Schemas["Resilience"]>("GET", "resilience")).findings;
  }

  /** Throw if `resilience()` has findings, or without any request. */
  async assertResilient(): Promise<void> {
    const { total, findings } = await this.#call<Schemas["Resilience"]>("GET", "resilience");
    if (!total) throw new Error(`${this.#noRequest()} to check`);
    if (findings.length) {
      const lines = findings.map((each) => `- ${each.sentence} [${each.rule}]`);
      throw new Error(["the client is not resilient:", ...lines].join("\n"));
    }
  }

  /** Expect that the mock rejects so many requests of this test as invalid. */
  expectRefusal(times = 1): void {
    this.#refusals += times;
  }

  /** Clear the queues, the ranking and the journal. */
  async reset(): Promise<void> {
    await this.#call("POST", "reset");
    this.#refusals = 0;
  }

  /** Throw if a fault or a ranking is left unused, or if the code under test sent invalid requests. */
  async verify(): Promise<void> {
    const { queue } = await this.#call<Schemas["Queue"]>("GET", "faults");
    const rankings = await this.#call<Schemas["Rankings"]>("GET", "ranking");
    const refused = (await this.requests()).filter(
      (each) => REFUSED.includes(each.reply.split(";")[0] ?? "") && REFUSED_STATUSES.includes(each.status ?? 0),
    );
    const unused = queue.filter((each) => each.fault !== "ok" && each.times !== "always");
    const found = unused.map((each) => `unused fault: ${each.fault} (${each.times} left)`);
    if (rankings.ranking && !rankings.answers) {
      found.push(`unused ranking: ${JSON.stringify(rankings.ranking)}`);
    }
    found.push(...rankings.queue.map((each) => `unused ranking: ${JSON.stringify(each)}`));
    if (refused.length > this.#refusals) {
      found.push("unexpected invalid requests (expectRefusal() expects one):", ...refused.map(described));
    } else if (refused.length < this.#refusals) {
      found.push(`expectRefusal() expects ${this.#refusals} invalid requests, got ${refused.length}`);
    }
    if (found.length) throw new Error(["rerank mock:", ...found].join("\n"));
  }

  #noRequest(): string {
    return `the mock at ${this.baseUrl} received no request with the key ${this.apiKey}`;
  }

  #setRanking(ranking: object, { times = "always" }: Times): Promise<void> {
    return times === "always"
      ? this.#call("PUT", "ranking", () => ranking)
      : this.#call("POST", "ranking", () => ({ ...ranking, times }));
  }

  /** Return what `Queued` describes. One request sends all faults of the expression, also if it is not awaited. */
  #queue(): Queued {
    const faults: object[] = [];
    let sent: Promise<void> | undefined;
    const chain = () => faults.reduceRight((next, each) => ({ ...each, then: next }));
    const add = (fault: object): Queued => {
      faults.push(fault);
      sent ??= this.#call("POST", "faults", chain);
      return queued;
    };
    const then: PromiseLike<void>["then"] = (resolve, reject) => Promise.resolve(sent).then(resolve, reject);
    const queued: Queued = {
      then: Object.assign(then, {
        fail: (status: number, options: FaultOptions = {}) => add({ fault: String(status), ...options }),
        fault: (name: FaultName, options: FaultOptions = {}) => add({ fault: name, ...options }),
        delay: (delay: number | string, options: FaultOptions = {}) => add({ fault: "delay", delay, ...options }),
        ok: (options: FaultOptions = {}) => add({ fault: "ok", ...options }),
      }),
    };
    return queued;
  }

  /** Send a request to the control plane, after those before; `body` is called when it is sent. */
  #call<T>(method: string, route: Route, body?: () => object): Promise<T> {
    const result = this.#last.then(() => this.#send(method, route, body?.()));
    this.#last = result.catch(() => undefined);
    // A promise of its own: without `await`, its error is an unhandled rejection, which fails the test.
    return result.then((value) => value as T);
  }

  async #send(method: string, route: Route, body?: object): Promise<unknown> {
    const query = new URLSearchParams({ namespace: this.apiKey, ...(this.word && { word: this.word }) });
    const url = `${this.baseUrl}/__admin/${route}?${query}`;
    const headers = this.token ? { Authorization: `Bearer ${this.token}` } : undefined;
    const response = await fetch(url, { method, headers, body: body && JSON.stringify(body) }).catch((error: Error) => {
      throw new Error(`no mock answers at ${this.baseUrl}: ${(error.cause as Error | undefined)?.message ?? error.message}`);
    });
    const text = await response.text();
    if (response.ok) return JSON.parse(text) as unknown;
    throw new Error(messageOf(text) ?? `no mock answers at ${this.baseUrl}: status ${response.status}`);
  }
}

type Route = keyof paths extends infer Path ? (Path extends `/__admin/${infer Name}` ? Name : never) : never;

function messageOf(text: string): string | undefined {
  try {
    return (JSON.parse(text) as Schemas["Error"]).error.message;
  } catch {
    return undefined;
  }
}

function matches(request: RecordedRequest, expected: Expected): boolean {
  const body = (request.canonical ?? request.body ?? {}) as Record<string, unknown>;
  return Object.entries(expected).every(([name, value]) => {
    const got = name === "status" || name === "path" ? request[name] : body[name];
    return isDeepStrictEqual(got, value);
  });
}

function described(request: RecordedRequest): string {
  const answer = [request.status ?? "no answer", request.reply, ...(request.reason ? [request.reason] : [])];
  return `  ${request.method} ${request.path} ${JSON.stringify(request.canonical ?? request.body)} -> ${answer.join("; ")}`;
}
