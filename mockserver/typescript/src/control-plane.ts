// Made from /__admin/openapi.json; `npx vitest run -u` makes it anew.

export interface paths {
    "/__admin/health": {
        parameters: {
            query?: {
                /**
                 * @description The key whose calls the request is about: `default`, or one that begins with `test-`.
                 * @example test-a
                 */
                namespace?: components["parameters"]["namespace"];
                /**
                 * @description Only the calls whose body contains this word, ignoring case.
                 * @example call17
                 */
                word?: components["parameters"]["word"];
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Return the status and the version. */
        get: operations["health"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/__admin/version": {
        parameters: {
            query?: {
                /**
                 * @description The key whose calls the request is about: `default`, or one that begins with `test-`.
                 * @example test-a
                 */
                namespace?: components["parameters"]["namespace"];
                /**
                 * @description Only the calls whose body contains this word, ignoring case.
                 * @example call17
                 */
                word?: components["parameters"]["word"];
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Return the version and the name of the document. */
        get: operations["version"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/__admin/spec": {
        parameters: {
            query?: {
                /**
                 * @description The key whose calls the request is about: `default`, or one that begins with `test-`.
                 * @example test-a
                 */
                namespace?: components["parameters"]["namespace"];
                /**
                 * @description Only the calls whose body contains this word, ignoring case.
                 * @example call17
                 */
                word?: components["parameters"]["word"];
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Return the OpenAPI document that the mock serves. */
        get: operations["spec"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/__admin/requests": {
        parameters: {
            query?: {
                /**
                 * @description The key whose calls the request is about: `default`, or one that begins with `test-`.
                 * @example test-a
                 */
                namespace?: components["parameters"]["namespace"];
                /**
                 * @description Only the calls whose body contains this word, ignoring case.
                 * @example call17
                 */
                word?: components["parameters"]["word"];
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Return the journal, oldest request first. */
        get: operations["requests"];
        put?: never;
        post?: never;
        /** Empty the journal. */
        delete: operations["clearRequests"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/__admin/faults": {
        parameters: {
            query?: {
                /**
                 * @description The key whose calls the request is about: `default`, or one that begins with `test-`.
                 * @example test-a
                 */
                namespace?: components["parameters"]["namespace"];
                /**
                 * @description Only the calls whose body contains this word, ignoring case.
                 * @example call17
                 */
                word?: components["parameters"]["word"];
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Return the queue of faults, and the names of all faults. */
        get: operations["faults"];
        put?: never;
        /** Add faults to the end of the queue, all of them or none. */
        post: operations["queueFaults"];
        /** Empty the queue of faults. */
        delete: operations["clearFaults"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/__admin/ranking": {
        parameters: {
            query?: {
                /**
                 * @description The key whose calls the request is about: `default`, or one that begins with `test-`.
                 * @example test-a
                 */
                namespace?: components["parameters"]["namespace"];
                /**
                 * @description Only the calls whose body contains this word, ignoring case.
                 * @example call17
                 */
                word?: components["parameters"]["word"];
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Return the ranking that is set, how many answers used it, and the queue of rankings. */
        get: operations["ranking"];
        /** Set the ranking of all further calls. */
        put: operations["setRanking"];
        /** Add a ranking for the next calls to the queue of rankings. */
        post: operations["queueRanking"];
        /** Remove the ranking that is set, and empty the queue of rankings. */
        delete: operations["clearRanking"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/__admin/reset": {
        parameters: {
            query?: {
                /**
                 * @description The key whose calls the request is about: `default`, or one that begins with `test-`.
                 * @example test-a
                 */
                namespace?: components["parameters"]["namespace"];
                /**
                 * @description Only the calls whose body contains this word, ignoring case.
                 * @example call17
                 */
                word?: components["parameters"]["word"];
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Start the namespace anew.
         * @description Empties the journal and the queues, removes the ranking, and restarts quota, capacity, ids and random numbers. Calls in flight are not recorded.
         */
        post: operations["reset"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/__admin/settings": {
        parameters: {
            query?: {
                /**
                 * @description The key whose calls the request is about: `default`, or one that begins with `test-`.
                 * @example test-a
                 */
                namespace?: components["parameters"]["namespace"];
                /**
                 * @description Only the calls whose body contains this word, ignoring case.
                 * @example call17
                 */
                word?: components["parameters"]["word"];
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Return the settings, without keys and tokens. */
        get: operations["settings"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/__admin/explain": {
        parameters: {
            query?: {
                /**
                 * @description The key whose calls the request is about: `default`, or one that begins with `test-`.
                 * @example test-a
                 */
                namespace?: components["parameters"]["namespace"];
                /**
                 * @description Only the calls whose body contains this word, ignoring case.
                 * @example call17
                 */
                word?: components["parameters"]["word"];
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Return how a rerank body is ranked, and why. */
        post: operations["explain"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/__admin/resilience": {
        parameters: {
            query?: {
                /**
                 * @description The key whose calls the request is about: `default`, or one that begins with `test-`.
                 * @example test-a
                 */
                namespace?: components["parameters"]["namespace"];
                /**
                 * @description Only the calls whose body contains this word, ignoring case.
                 * @example call17
                 */
                word?: components["parameters"]["word"];
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Return what the clients do wrong, by the requests in the journal. */
        get: operations["resilience"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/__admin/namespaces": {
        parameters: {
            query?: {
                /**
                 * @description The key whose calls the request is about: `default`, or one that begins with `test-`.
                 * @example test-a
                 */
                namespace?: components["parameters"]["namespace"];
                /**
                 * @description Only the calls whose body contains this word, ignoring case.
                 * @example call17
                 */
                word?: components["parameters"]["word"];
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** List the namespaces, the one that was used last first. */
        get: operations["namespaces"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/__admin/environment": {
        parameters: {
            query?: {
                /**
                 * @description The key whose calls the request is about: `default`, or one that begins with `test-`.
                 * @example test-a
                 */
                namespace?: components["parameters"]["namespace"];
                /**
                 * @description Only the calls whose body contains this word, ignoring case.
                 * @example call17
                 */
                word?: components["parameters"]["word"];
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Return the environment variables that point clients to the mock.
         * @description The key is the name of the namespace. If the mock lists its keys with `--api-key`, and this is none of them, the variables of the key are left out.
         */
        get: operations["environment"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/__admin/openapi.json": {
        parameters: {
            query?: {
                /**
                 * @description The key whose calls the request is about: `default`, or one that begins with `test-`.
                 * @example test-a
                 */
                namespace?: components["parameters"]["namespace"];
                /**
                 * @description Only the calls whose body contains this word, ignoring case.
                 * @example call17
                 */
                word?: components["parameters"]["word"];
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Return this document, with the faults of this mock and the request body of its operation. */
        get: operations["openapi"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
}
export type webhooks = Record<string, never>;
export interface components {
    schemas: {
        Error: {
            error: {
                /** @description What is wrong, and what is accepted. */
                message: string;
                type: string;
                param?: string;
                code?: string;
            };
        };
        Health: {
            /** @constant */
            status: "ok";
            version: string;
        };
        NamespaceSummary: {
            /** @description For the calls with a word in their body: the key, a space and the word. */
            namespace: string;
            /** @description How many requests the journal has. */
            requests: number;
            /** @description How many entries the queue of faults has. */
            faults: number;
            /** @description How many rankings are set or queued. */
            rankings: number;
        };
        Journal: {
            namespace: string;
            /** @description How many requests the filters select. */
            total: number;
            /** @description How many requests the journal dropped to limit its size. */
            dropped: number;
            requests: components["schemas"]["JournalEntry"][];
        };
        JournalEntry: {
            /**
             * Format: date-time
             * @description When the request arrived.
             */
            time: string;
            method: string;
            path: string;
            /** @description Null if the connection was closed without an answer. */
            status: number | null;
            /** @description The `x-mock-reply` of the answer: where it comes from. */
            reply: string;
            request_id: string;
            /** @description Milliseconds until the answer was ready. */
            ms: number;
            /** @description Of an error: why. */
            reason: string | null;
            /** @description The seconds in `Retry-After` or `retry-after-ms`. */
            retry_after: number | null;
            /** @description Of a 200: the indexes of its first ten results, best first. */
            results: unknown[] | null;
            result_count: number | null;
            /** @description The value of `x-stainless-retry-count`. */
            retry_count: number | null;
            /** @description The headers of the request, without secrets. */
            headers: {
                [key: string]: string;
            };
            body_bytes: number;
            /** @description The JSON value of the body; null if it was cut or is not JSON. */
            body: unknown;
            /** @description The body as text if it was cut or is not JSON. */
            text?: string;
            /** @description The body with the names of Together's API, if it was sent to another API. */
            canonical?: unknown;
            answer_bytes: number;
            /** @description The JSON value of the answer; null if it was cut or is not JSON. */
            answer: unknown;
            /** @description The answer as text if it was cut or is not JSON. */
            answer_text?: string;
        };
        Resilience: {
            namespace: string;
            total: number;
            dropped: number;
            findings: {
                /** @example ignored-retry-after */
                rule: string;
                /** @description What the client did, with the evidence. */
                sentence: string;
                /** @description The requests that show it, counted from 1 in the order of their arrival. */
                requests: number[];
            }[];
        };
        /** @description A fault with its parameters, and those that follow it. This mock adds the faults that have a name. */
        Fault: components["schemas"]["FaultName"] | components["schemas"]["ErrorStatusFault"] | components["schemas"]["RedirectFault"] | components["schemas"]["DelayFault"] | components["schemas"]["NamedFault"] | components["schemas"]["FaultWithPause"];
        /**
         * @description The name of a fault.
         * @enum {string}
         */
        FaultName: "ok" | "400" | "401" | "402" | "403" | "404" | "413" | "422" | "429" | "500" | "502" | "503" | "504" | "520" | "524" | "529" | "delay" | "hang" | "drip" | "reset" | "empty" | "truncate" | "malformed-json" | "empty-body" | "html-200" | "wrong-content-type" | "bad-gzip" | "latin-1" | "bom" | "unsorted" | "top-n-ignored" | "top-n-one-more" | "top-n-one-fewer" | "document-dropped" | "duplicates-removed" | "rank-fields-ignored" | "query-ignored" | "position-bias" | "text-field-only" | "first-batch-only" | "top-n-first-batch" | "cache-collision" | "calls-mixed-up" | "index-out-of-range" | "index-duplicate" | "index-off-by-one" | "index-is-rank" | "index-string" | "index-negative" | "index-missing" | "text-swapped" | "text-altered" | "text-unasked" | "document-missing" | "document-null" | "document-string" | "score-string" | "score-nan" | "score-nan-string" | "score-null" | "score-above-one" | "score-negative" | "score-equal" | "score-halved" | "results-missing" | "results-null" | "results-empty" | "results-bare-list" | "usage-missing" | "usage-null" | "usage-no-completion-tokens" | "usage-wrong-sum" | "usage-negative" | "model-other" | "id-missing" | "id-constant" | "object-wrong" | "extra-field" | "error-200" | "error-text" | "error-string" | "error-detail" | "error-with-results" | "error-undocumented-status" | "no-key-accepted" | "any-key-accepted" | "empty-accepted" | "mixed-accepted" | "top-n-converted" | "unknown-field-ignored" | "return-documents-refused" | "top-n-refused" | "one-document-refused" | "many-documents-refused" | "long-document-refused" | "empty-query-dropped" | "white-space-refused" | "unread-body-left";
        /** An error status */
        ErrorStatusFault: {
            fault: string | number;
            retry_after?: components["schemas"]["FaultParameters"]["retry_after"];
            retry_after_ms?: components["schemas"]["FaultParameters"]["retry_after_ms"];
            body?: components["schemas"]["FaultParameters"]["body"];
            delay?: components["schemas"]["FaultParameters"]["delay"];
            jitter?: components["schemas"]["FaultParameters"]["jitter"];
            times?: components["schemas"]["Times"];
            then?: components["schemas"]["Fault"];
        };
        /** A redirect */
        RedirectFault: {
            fault: string | number;
            retry_after?: components["schemas"]["FaultParameters"]["retry_after"];
            retry_after_ms?: components["schemas"]["FaultParameters"]["retry_after_ms"];
            body?: components["schemas"]["FaultParameters"]["body"];
            location?: components["schemas"]["FaultParameters"]["location"];
            delay?: components["schemas"]["FaultParameters"]["delay"];
            jitter?: components["schemas"]["FaultParameters"]["jitter"];
            times?: components["schemas"]["Times"];
            then?: components["schemas"]["Fault"];
        };
        /** A delay */
        DelayFault: {
            /** @constant */
            fault?: "delay";
            delay: components["schemas"]["FaultParameters"]["delay"];
            jitter?: components["schemas"]["FaultParameters"]["jitter"];
            times?: components["schemas"]["Times"];
            then?: components["schemas"]["Fault"];
        };
        FaultParameters: {
            /** @description The delay of the answer, in milliseconds or as text such as `250ms`. */
            delay?: number | string;
            /** @description The maximum additional delay, which is random, in milliseconds or as text such as `250ms`. */
            jitter?: number | string;
            /** @description The pause between the pieces of a `drip`, in milliseconds or as text such as `250ms`. */
            pause?: number | string;
            /** @description Of a status: the seconds in `Retry-After`, `date:2` for a date in 2 s, `wrong` for a value that is neither, or null for no header. */
            retry_after?: number | string | null;
            /** @description Of a status: the milliseconds in `retry-after-ms`. */
            retry_after_ms?: number;
            /**
             * @description Of a status: the form of the body.
             * @enum {unknown}
             */
            body?: "json" | "html" | "text" | "none";
            /** @description Of a status below 400: the `Location`. */
            location?: string;
        };
        /**
         * @description How many calls get it; `always` for all until a reset.
         * @default 1
         */
        Times: number | "always";
        Queue: {
            namespace: string;
            queue: components["schemas"]["QueuedFault"][];
        };
        QueuedFault: {
            fault: string;
            /** @description How many calls still get it. */
            times: number | "always";
        };
        /** @description A ranking that replaces the computed one, as far as it names documents. */
        Ranking: components["schemas"]["RankByIndex"] | components["schemas"]["RankByText"] | components["schemas"]["RankFirst"] | components["schemas"]["Scores"] | components["schemas"]["TextScores"];
        /** Pin documents by index */
        RankByIndex: {
            /** @description The documents that come first, by index. */
            rank: number[];
        };
        /** Pin documents by text */
        RankByText: {
            /** @description Texts, ignoring case: documents that contain the first come first, then those with the second. */
            rank: string[];
        };
        /** Pin the documents with one text */
        RankFirst: {
            /** @description A text, ignoring case: documents that contain it come first. */
            rank_first: string;
        };
        /** Set scores by index */
        Scores: {
            /** @description Scores by the index of the document. */
            scores: {
                [key: string]: number;
            };
        };
        /** Set scores by text */
        TextScores: {
            /** @description Scores by a text that the document contains, ignoring case. */
            text_scores: {
                [key: string]: number;
            };
        };
        /** @description A ranking for so many of the next calls. */
        RankingForCalls: {
            /** @description The documents that come first, by index. */
            rank: number[];
            /**
             * @description How many calls get it.
             * @default 1
             */
            times: number;
        } | {
            /** @description Texts, ignoring case: documents that contain the first come first, then those with the second. */
            rank: string[];
            /**
             * @description How many calls get it.
             * @default 1
             */
            times: number;
        } | {
            /** @description A text, ignoring case: documents that contain it come first. */
            rank_first: string;
            /**
             * @description How many calls get it.
             * @default 1
             */
            times: number;
        } | {
            /** @description Scores by the index of the document. */
            scores: {
                [key: string]: number;
            };
            /**
             * @description How many calls get it.
             * @default 1
             */
            times: number;
        } | {
            /** @description Scores by a text that the document contains, ignoring case. */
            text_scores: {
                [key: string]: number;
            };
            /**
             * @description How many calls get it.
             * @default 1
             */
            times: number;
        };
        Rankings: {
            namespace: string;
            /** @description The ranking of all calls that take none of the queue. */
            ranking: components["schemas"]["Ranking"] | null;
            /** @description How many answers had a document that the ranking names. */
            answers: number;
            queue: components["schemas"]["RankingForCalls"][];
        };
        /**
         * @description The path of the operation. The control plane takes the paths of other APIs, too, with bodies of theirs.
         * @enum {string}
         */
        Path: "/v1/rerank" | "/rerank" | "/together/v1/rerank" | "/together/rerank";
        RerankRequest: {
            /**
             * @description The model to be used for the rerank request.<br> <br> [See all of Together AI's rerank models](https://docs.together.ai/docs/serverless-models#rerank-models)
             * @example Salesforce/Llama-Rank-V1
             */
            model: string | "Salesforce/Llama-Rank-v1";
            /**
             * @description The search query to be used for ranking.
             * @example What animals can I find near Peru?
             */
            query: string;
            /**
             * @description List of documents, which can be either strings or objects.
             * @example [
             *       {
             *         "title": "Llama",
             *         "text": "The llama is a domesticated South American camelid, widely used as a meat and pack animal by Andean cultures since the pre-Columbian era."
             *       },
             *       {
             *         "title": "Panda",
             *         "text": "The giant panda (Ailuropoda melanoleuca), also known as the panda bear or simply panda, is a bear species endemic to China."
             *       },
             *       {
             *         "title": "Guanaco",
             *         "text": "The guanaco is a camelid native to South America, closely related to the llama. Guanacos are one of two wild South American camelids; the other species is the vicuña, which lives at higher elevations."
             *       },
             *       {
             *         "title": "Wild Bactrian camel",
             *         "text": "The wild Bactrian camel (Camelus ferus) is an endangered species of camel endemic to Northwest China and southwestern Mongolia."
             *       }
             *     ]
             */
            documents: {
                [key: string]: unknown;
            }[] | string[];
            /**
             * @description The number of top results to return.
             * @example 2
             */
            top_n?: number;
            /**
             * @description Whether to return supplied documents with the response.
             * @example true
             */
            return_documents?: boolean;
            /**
             * @description List of keys in the JSON Object document to rank by. Defaults to use all supplied keys for ranking.
             * @example [
             *       "title",
             *       "text"
             *     ]
             */
            rank_fields?: string[];
        };
        Evidence: {
            /** @description The position of the document in the request, from 0. */
            index: number;
            score: number;
            /** @description What the text has points for, and the points of the query; the score is their quotient, at most 1. */
            points: {
                [key: string]: number;
            };
            /** @description Words of the query that the text contains. */
            whole: string[];
            /** @description For each word of which the text contains only parts: which. */
            parts: {
                [key: string]: string[];
            };
            /** @description Neighbouring words of the query that are neighbours in the text. */
            adjacent: string[][];
            /** @description Neighbouring words of the query that the text has in that order. */
            in_order: string[][];
            /** @description The document as an answer returns it. */
            text: unknown;
        };
        NamedFault: {
            /** @enum {unknown} */
            fault: "ok" | "delay" | "hang" | "reset" | "empty" | "truncate" | "malformed-json" | "empty-body" | "html-200" | "wrong-content-type" | "bad-gzip" | "latin-1" | "bom" | "unsorted" | "top-n-ignored" | "top-n-one-more" | "top-n-one-fewer" | "document-dropped" | "duplicates-removed" | "rank-fields-ignored" | "query-ignored" | "position-bias" | "text-field-only" | "first-batch-only" | "top-n-first-batch" | "cache-collision" | "calls-mixed-up" | "index-out-of-range" | "index-duplicate" | "index-off-by-one" | "index-is-rank" | "index-string" | "index-negative" | "index-missing" | "text-swapped" | "text-altered" | "text-unasked" | "document-missing" | "document-null" | "document-string" | "score-string" | "score-nan" | "score-nan-string" | "score-null" | "score-above-one" | "score-negative" | "score-equal" | "score-halved" | "results-missing" | "results-null" | "results-empty" | "results-bare-list" | "usage-missing" | "usage-null" | "usage-no-completion-tokens" | "usage-wrong-sum" | "usage-negative" | "model-other" | "id-missing" | "id-constant" | "object-wrong" | "extra-field" | "error-200" | "error-text" | "error-string" | "error-detail" | "error-with-results" | "error-undocumented-status" | "no-key-accepted" | "any-key-accepted" | "empty-accepted" | "mixed-accepted" | "top-n-converted" | "unknown-field-ignored" | "return-documents-refused" | "top-n-refused" | "one-document-refused" | "many-documents-refused" | "long-document-refused" | "empty-query-dropped" | "white-space-refused" | "unread-body-left";
            delay?: components["schemas"]["FaultParameters"]["delay"];
            jitter?: components["schemas"]["FaultParameters"]["jitter"];
            times?: components["schemas"]["Times"];
            then?: components["schemas"]["Fault"];
        };
        FaultWithPause: {
            /** @enum {unknown} */
            fault: "drip";
            delay?: components["schemas"]["FaultParameters"]["delay"];
            jitter?: components["schemas"]["FaultParameters"]["jitter"];
            times?: components["schemas"]["Times"];
            then?: components["schemas"]["Fault"];
            pause?: components["schemas"]["FaultParameters"]["pause"];
        };
    };
    responses: {
        /** @description A parameter or the body is invalid. */
        Invalid: {
            headers: {
                [name: string]: unknown;
            };
            content: {
                "application/json": components["schemas"]["Error"];
            };
        };
        /** @description The token is missing or wrong. */
        Unauthorized: {
            headers: {
                [name: string]: unknown;
            };
            content: {
                "application/json": components["schemas"]["Error"];
            };
        };
        /** @description The control plane is closed, or closed to this request. */
        Forbidden: {
            headers: {
                [name: string]: unknown;
            };
            content: {
                "application/json": components["schemas"]["Error"];
            };
        };
        /** @description The queue is full, or ends with an entry for all calls. */
        Conflict: {
            headers: {
                [name: string]: unknown;
            };
            content: {
                "application/json": components["schemas"]["Error"];
            };
        };
        /** @description The body is too large, or all rankings together are. */
        TooLarge: {
            headers: {
                [name: string]: unknown;
            };
            content: {
                "application/json": components["schemas"]["Error"];
            };
        };
        /** @description The server cannot produce the fault, or the state is not shared. */
        Unsupported: {
            headers: {
                [name: string]: unknown;
            };
            content: {
                "application/json": components["schemas"]["Error"];
            };
        };
        /** @description The shared state does not answer. */
        Unavailable: {
            headers: {
                [name: string]: unknown;
            };
            content: {
                "application/json": components["schemas"]["Error"];
            };
        };
    };
    parameters: {
        /**
         * @description The key whose calls the request is about: `default`, or one that begins with `test-`.
         * @example test-a
         */
        namespace: string;
        /**
         * @description Only the calls whose body contains this word, ignoring case.
         * @example call17
         */
        word: string;
    };
    requestBodies: never;
    headers: never;
    pathItems: never;
}
export type $defs = Record<string, never>;
export interface operations {
    health: {
        parameters: {
            query?: {
                /**
                 * @description The key whose calls the request is about: `default`, or one that begins with `test-`.
                 * @example test-a
                 */
                namespace?: components["parameters"]["namespace"];
                /**
                 * @description Only the calls whose body contains this word, ignoring case.
                 * @example call17
                 */
                word?: components["parameters"]["word"];
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The mock is running. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Health"];
                };
            };
            400: components["responses"]["Invalid"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
        };
    };
    version: {
        parameters: {
            query?: {
                /**
                 * @description The key whose calls the request is about: `default`, or one that begins with `test-`.
                 * @example test-a
                 */
                namespace?: components["parameters"]["namespace"];
                /**
                 * @description Only the calls whose body contains this word, ignoring case.
                 * @example call17
                 */
                word?: components["parameters"]["word"];
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The version of the kit, and the name of the document that the mock serves. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        version: string;
                        document: string;
                    };
                };
            };
            400: components["responses"]["Invalid"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
        };
    };
    spec: {
        parameters: {
            query?: {
                /**
                 * @description The key whose calls the request is about: `default`, or one that begins with `test-`.
                 * @example test-a
                 */
                namespace?: components["parameters"]["namespace"];
                /**
                 * @description Only the calls whose body contains this word, ignoring case.
                 * @example call17
                 */
                word?: components["parameters"]["word"];
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description An OpenAPI document. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": Record<string, never>;
                };
            };
            400: components["responses"]["Invalid"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
        };
    };
    requests: {
        parameters: {
            query?: {
                /**
                 * @description The key whose calls the request is about: `default`, or one that begins with `test-`.
                 * @example test-a
                 */
                namespace?: components["parameters"]["namespace"];
                /**
                 * @description Only the calls whose body contains this word, ignoring case.
                 * @example call17
                 */
                word?: components["parameters"]["word"];
                /**
                 * @description Only requests with this status; `none` for a connection that was closed without an answer.
                 * @example 429
                 */
                status?: string;
                /**
                 * @description Only requests to this path.
                 * @example /v1/rerank
                 */
                path?: string;
                /**
                 * @description Only requests whose `reply` begins with this word.
                 * @example scored
                 */
                reply?: string;
                /** @description Return at most so many requests. */
                limit?: number;
                /** @description Leave out so many of the requests that are left. */
                offset?: number;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The journal of the namespace. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Journal"];
                };
            };
            400: components["responses"]["Invalid"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            501: components["responses"]["Unsupported"];
            503: components["responses"]["Unavailable"];
        };
    };
    clearRequests: {
        parameters: {
            query?: {
                /**
                 * @description The key whose calls the request is about: `default`, or one that begins with `test-`.
                 * @example test-a
                 */
                namespace?: components["parameters"]["namespace"];
                /**
                 * @description Only the calls whose body contains this word, ignoring case.
                 * @example call17
                 */
                word?: components["parameters"]["word"];
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The journal of the namespace. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Journal"];
                };
            };
            400: components["responses"]["Invalid"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            501: components["responses"]["Unsupported"];
            503: components["responses"]["Unavailable"];
        };
    };
    faults: {
        parameters: {
            query?: {
                /**
                 * @description The key whose calls the request is about: `default`, or one that begins with `test-`.
                 * @example test-a
                 */
                namespace?: components["parameters"]["namespace"];
                /**
                 * @description Only the calls whose body contains this word, ignoring case.
                 * @example call17
                 */
                word?: components["parameters"]["word"];
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The queue, first to last, and the names of all faults. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        namespace: string;
                        queue: components["schemas"]["QueuedFault"][];
                        known: string[];
                    };
                };
            };
            400: components["responses"]["Invalid"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            501: components["responses"]["Unsupported"];
            503: components["responses"]["Unavailable"];
        };
    };
    queueFaults: {
        parameters: {
            query?: {
                /**
                 * @description The key whose calls the request is about: `default`, or one that begins with `test-`.
                 * @example test-a
                 */
                namespace?: components["parameters"]["namespace"];
                /**
                 * @description Only the calls whose body contains this word, ignoring case.
                 * @example call17
                 */
                word?: components["parameters"]["word"];
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "fault": "429",
                 *       "times": 2,
                 *       "retry_after": 1,
                 *       "then": {
                 *         "fault": "ok"
                 *       }
                 *     }
                 */
                "application/json": components["schemas"]["Fault"];
            };
        };
        responses: {
            /** @description The queue. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Queue"];
                };
            };
            400: components["responses"]["Invalid"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            409: components["responses"]["Conflict"];
            413: components["responses"]["TooLarge"];
            501: components["responses"]["Unsupported"];
            503: components["responses"]["Unavailable"];
        };
    };
    clearFaults: {
        parameters: {
            query?: {
                /**
                 * @description The key whose calls the request is about: `default`, or one that begins with `test-`.
                 * @example test-a
                 */
                namespace?: components["parameters"]["namespace"];
                /**
                 * @description Only the calls whose body contains this word, ignoring case.
                 * @example call17
                 */
                word?: components["parameters"]["word"];
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The queue. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Queue"];
                };
            };
            400: components["responses"]["Invalid"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            501: components["responses"]["Unsupported"];
            503: components["responses"]["Unavailable"];
        };
    };
    ranking: {
        parameters: {
            query?: {
                /**
                 * @description The key whose calls the request is about: `default`, or one that begins with `test-`.
                 * @example test-a
                 */
                namespace?: components["parameters"]["namespace"];
                /**
                 * @description Only the calls whose body contains this word, ignoring case.
                 * @example call17
                 */
                word?: components["parameters"]["word"];
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The rankings of the namespace. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Rankings"];
                };
            };
            400: components["responses"]["Invalid"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            501: components["responses"]["Unsupported"];
            503: components["responses"]["Unavailable"];
        };
    };
    setRanking: {
        parameters: {
            query?: {
                /**
                 * @description The key whose calls the request is about: `default`, or one that begins with `test-`.
                 * @example test-a
                 */
                namespace?: components["parameters"]["namespace"];
                /**
                 * @description Only the calls whose body contains this word, ignoring case.
                 * @example call17
                 */
                word?: components["parameters"]["word"];
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "rank": [
                 *         2,
                 *         0
                 *       ]
                 *     }
                 */
                "application/json": components["schemas"]["Ranking"];
            };
        };
        responses: {
            /** @description The rankings of the namespace. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Rankings"];
                };
            };
            400: components["responses"]["Invalid"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            413: components["responses"]["TooLarge"];
            501: components["responses"]["Unsupported"];
            503: components["responses"]["Unavailable"];
        };
    };
    queueRanking: {
        parameters: {
            query?: {
                /**
                 * @description The key whose calls the request is about: `default`, or one that begins with `test-`.
                 * @example test-a
                 */
                namespace?: components["parameters"]["namespace"];
                /**
                 * @description Only the calls whose body contains this word, ignoring case.
                 * @example call17
                 */
                word?: components["parameters"]["word"];
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "rank": [
                 *         0
                 *       ],
                 *       "times": 2
                 *     }
                 */
                "application/json": components["schemas"]["RankingForCalls"];
            };
        };
        responses: {
            /** @description The rankings of the namespace. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Rankings"];
                };
            };
            400: components["responses"]["Invalid"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            409: components["responses"]["Conflict"];
            413: components["responses"]["TooLarge"];
            501: components["responses"]["Unsupported"];
            503: components["responses"]["Unavailable"];
        };
    };
    clearRanking: {
        parameters: {
            query?: {
                /**
                 * @description The key whose calls the request is about: `default`, or one that begins with `test-`.
                 * @example test-a
                 */
                namespace?: components["parameters"]["namespace"];
                /**
                 * @description Only the calls whose body contains this word, ignoring case.
                 * @example call17
                 */
                word?: components["parameters"]["word"];
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The rankings of the namespace. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Rankings"];
                };
            };
            400: components["responses"]["Invalid"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            501: components["responses"]["Unsupported"];
            503: components["responses"]["Unavailable"];
        };
    };
    reset: {
        parameters: {
            query?: {
                /**
                 * @description The key whose calls the request is about: `default`, or one that begins with `test-`.
                 * @example test-a
                 */
                namespace?: components["parameters"]["namespace"];
                /**
                 * @description Only the calls whose body contains this word, ignoring case.
                 * @example call17
                 */
                word?: components["parameters"]["word"];
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The namespace is reset. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        namespace: string;
                    };
                };
            };
            400: components["responses"]["Invalid"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            501: components["responses"]["Unsupported"];
            503: components["responses"]["Unavailable"];
        };
    };
    settings: {
        parameters: {
            query?: {
                /**
                 * @description The key whose calls the request is about: `default`, or one that begins with `test-`.
                 * @example test-a
                 */
                namespace?: components["parameters"]["namespace"];
                /**
                 * @description Only the calls whose body contains this word, ignoring case.
                 * @example call17
                 */
                word?: components["parameters"]["word"];
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The settings by name. `api_keys` is how many keys are listed; `admin_token` and `state` are whether they are set. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        api_keys: number;
                        admin_token: boolean;
                        state: boolean;
                    };
                };
            };
            400: components["responses"]["Invalid"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
        };
    };
    explain: {
        parameters: {
            query?: {
                /**
                 * @description The key whose calls the request is about: `default`, or one that begins with `test-`.
                 * @example test-a
                 */
                namespace?: components["parameters"]["namespace"];
                /**
                 * @description Only the calls whose body contains this word, ignoring case.
                 * @example call17
                 */
                word?: components["parameters"]["word"];
                /**
                 * @description The path of the operation that the body is for.
                 * @example /v1/rerank
                 */
                path?: components["schemas"]["Path"];
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "model": "any",
                 *       "query": "llamas",
                 *       "documents": [
                 *         "Pandas live in China.",
                 *         "Llamas in Peru"
                 *       ]
                 *     }
                 */
                "application/json": components["schemas"]["RerankRequest"];
            };
        };
        responses: {
            /** @description The evidence for the score of each document, best first. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Evidence"][];
                };
            };
            400: components["responses"]["Invalid"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            413: components["responses"]["TooLarge"];
        };
    };
    resilience: {
        parameters: {
            query?: {
                /**
                 * @description The key whose calls the request is about: `default`, or one that begins with `test-`.
                 * @example test-a
                 */
                namespace?: components["parameters"]["namespace"];
                /**
                 * @description Only the calls whose body contains this word, ignoring case.
                 * @example call17
                 */
                word?: components["parameters"]["word"];
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Findings, first by call, then by request. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Resilience"];
                };
            };
            400: components["responses"]["Invalid"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            501: components["responses"]["Unsupported"];
            503: components["responses"]["Unavailable"];
        };
    };
    namespaces: {
        parameters: {
            query?: {
                /**
                 * @description The key whose calls the request is about: `default`, or one that begins with `test-`.
                 * @example test-a
                 */
                namespace?: components["parameters"]["namespace"];
                /**
                 * @description Only the calls whose body contains this word, ignoring case.
                 * @example call17
                 */
                word?: components["parameters"]["word"];
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The namespaces that hold anything, and `default`. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        namespaces: components["schemas"]["NamespaceSummary"][];
                    };
                };
            };
            400: components["responses"]["Invalid"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            501: components["responses"]["Unsupported"];
            503: components["responses"]["Unavailable"];
        };
    };
    environment: {
        parameters: {
            query?: {
                /**
                 * @description The key whose calls the request is about: `default`, or one that begins with `test-`.
                 * @example test-a
                 */
                namespace?: components["parameters"]["namespace"];
                /**
                 * @description Only the calls whose body contains this word, ignoring case.
                 * @example call17
                 */
                word?: components["parameters"]["word"];
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Values by the names of the variables. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        TOGETHER_BASE_URL: string;
                    } & {
                        [key: string]: string;
                    };
                };
            };
            400: components["responses"]["Invalid"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
        };
    };
    openapi: {
        parameters: {
            query?: {
                /**
                 * @description The key whose calls the request is about: `default`, or one that begins with `test-`.
                 * @example test-a
                 */
                namespace?: components["parameters"]["namespace"];
                /**
                 * @description Only the calls whose body contains this word, ignoring case.
                 * @example call17
                 */
                word?: components["parameters"]["word"];
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description An OpenAPI document. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": Record<string, never>;
                };
            };
            400: components["responses"]["Invalid"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
        };
    };
}
