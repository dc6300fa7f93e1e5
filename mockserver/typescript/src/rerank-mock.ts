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
const FIELDS = ["model", "query", "documents", "top_n", "return_documents", "rank_fields", "status", "path"] as const;
/** Fields that a request must have; null matches a field that is missing. */
export type Expected = { [Field in (typeof FIELDS)[number]]?: unknown };

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

/** The environment variable with the token of the control plane. */
export const TOKEN_VARIABLE = "TOGETHER_RERANK_MOCK_ADMIN_TOKEN";
// Tests can replace `fetch`, for the code under test.
const send = globalThis.fetch;
const TIMEOUT_MS = 10_000;
const REFUSED = ["refused", "misuse", "limit"];
const REFUSED_STATUSES = [400, 404, 405, 413, 422, 501];

/** The mock as one test sees it: its calls have the key `apiKey`, and a queue, rankings and a journal of their own. */
export class RerankMock implements Faults {
  readonly #faults = faultMethods((fault) => this.#queue(fault));
  readonly #words: RerankMock[] = [];
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

  /** Return the mock for only those calls whose body contains `text`, which has letters, digits, `-` and `_`. */
  forCallsWith(text: string): RerankMock {
    const mock = new RerankMock(this.baseUrl, this.token, this.apiKey, text);
    this.#words.push(mock);
    return mock;
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

  fail(status: number, options?: FaultOptions): Queued {
    return this.#faults.fail(status, options);
  }

  fault(name: FaultName, options?: FaultOptions): Queued {
    return this.#faults.fault(name, options);
  }

  delay(duration: number | string, options?: FaultOptions): Queued {
    return this.#faults.delay(duration, options);
  }

  ok(options?: FaultOptions): Queued {
    return this.#faults.ok(options);
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
    const unknown = Object.keys(expected).find((name) => !(FIELDS as readonly string[]).includes(name));
    if (unknown) throw new TypeError(`assertCalled() has no field \`${unknown}\`; known: times, ${FIELDS.join(", ")}`);
    const { requests, dropped } = await this.#call<Schemas["Journal"]>("GET", "requests");
    if (dropped) throw new Error(`${dropped} requests are no longer in the journal; the flag --journal-max raises its limit`);
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
    const requests = await this.requests();
    const refused = requests.filter(
      (each) => REFUSED.includes(each.reply.split(";")[0] ?? "") && REFUSED_STATUSES.includes(each.status ?? 0),
    );
    const unused = queue.filter((each) => each.fault !== "ok" && each.times !== "always");
    const found = unused.map((each) => `unused fault: ${each.fault} (${each.times} left)`);
    const unchanged = requests.filter((each) => each.reply.includes("; not-applied"));
    if (unused.length) found.push(...unchanged.map((each) => `the fault could not change ${described(each)}`));
    if (rankings.ranking && !rankings.answers) {
      found.push(`unused ranking: ${JSON.stringify(rankings.ranking)}`);
    } else if (!rankings.answers && requests.some((each) => each.reply.startsWith("designed"))) {
      found.push("unused ranking: no request had a document that it names");
    }
    found.push(...rankings.queue.map((each) => `unused ranking: ${JSON.stringify(each)}`));
    if (refused.length > this.#refusals) {
      found.push("unexpected invalid requests (expectRefusal() expects one):", ...refused.map(described));
    } else if (refused.length < this.#refusals) {
      found.push(`expectRefusal() expects ${this.#refusals} invalid requests, got ${refused.length}`);
    }
    if (found.length) throw new Error(["rerank mock:", ...found].join("\n"));
    for (const each of this.#words) await each.verify();
  }

  #noRequest(): string {
    return `the mock at ${this.baseUrl} received no request with the key ${this.apiKey}`;
  }

  #setRanking(ranking: object, { times = "always" }: Times): Promise<void> {
    return times === "always"
      ? this.#call("PUT", "ranking", () => ranking)
      : this.#call("POST", "ranking", () => ({ ...ranking, times }));
  }

  /** Queue `first` and the faults that the same expression adds, with one request, also if it is not awaited. */
  #queue(first: object): Queued {
    const faults = [first];
    let isSent = false;
    const sent = this.#call<void>("POST", "faults", () => {
      isSent = true;
      return faults.reduceRight((next, each) => ({ ...each, then: next }));
    });
    const add = (fault: object): Queued => {
      if (isSent) return this.#queue(fault);
      faults.push(fault);
      return queued;
    };
    const then: PromiseLike<void>["then"] = (resolve, reject) => sent.then(resolve, reject);
    const queued: Queued = { then: Object.assign(then, faultMethods(add)) };
    return queued;
  }

  /** Send a request to the control plane, after those before; `body` is called when it is sent. */
  #call<T>(method: string, route: Route, body?: () => object): Promise<T> {
    const result = this.#last.then(() => this.#send(method, route, body?.()));
    this.#last = result.catch(() => undefined);
    // A promise of its own, so that a failure without await is an unhandled rejection.
    return result.then((answer) => answer as T);
  }

  async #send(method: string, route: Route, body?: object): Promise<unknown> {
    const query = new URLSearchParams({ namespace: this.apiKey, ...(this.word && { word: this.word }) });
    const url = `${this.baseUrl}/__admin/${route}?${query}`;
    const headers = this.token ? { Authorization: `Bearer ${this.token}` } : undefined;
    const options = { method, headers, body: body && JSON.stringify(body), signal: AbortSignal.timeout(TIMEOUT_MS) };
    const response = await send(url, options).catch((error: Error) => {
      throw new Error(`no mock answers at ${this.baseUrl}: ${(error.cause as Error | undefined)?.message ?? error.message}`);
    });
    const text = await response.text();
    if (response.ok) return JSON.parse(text) as unknown;
    if (response.status === 401) throw new Error(`the mock at ${this.baseUrl} has a token: set ${TOKEN_VARIABLE} to it`);
    throw new Error(messageOf(text) ?? `no mock answers at ${this.baseUrl}: status ${response.status}`);
  }
}

function faultMethods(add: (fault: object) => Queued): Faults {
  return {
    fail: (status, options) => {
      if (status >= 300 && status <= 599) return add({ fault: String(status), ...options });
      throw new TypeError(`fail() takes a status from 300 to 599, such as 429, not ${status}; ok() is for a success`);
    },
    fault: (name, options) => add({ fault: name, ...options }),
    delay: (delay, options) => add({ fault: "delay", delay, ...options }),
    ok: (options) => add({ fault: "ok", ...options }),
  };
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
    return isDeepStrictEqual(got ?? null, value ?? null);
  });
}

function described(request: RecordedRequest): string {
  const answer = [request.status ?? "no answer", request.reply, ...(request.reason ? [request.reason] : [])];
  return `  ${request.method} ${request.path} ${JSON.stringify(request.canonical ?? request.body)} -> ${answer.join("; ")}`;
}
