"""The real clients that the tests run: for each, the code that points it at the mock and calls it."""

from dataclasses import dataclass, field

# Names in the code of a client: the base URL of the mock, the key and the model, as in `{url}/cohere`.
# The other names are variables of the runner: query, documents, top_n.
URL, KEY, MODEL = "http://127.0.0.1:4010", "any-key", "any-model"
# The order of the documents in every correct answer: the best is last.
QUERY = "llamas in Peru"
DOCUMENTS = ["Pandas live in China.", "A llama, seen in Peru.", "The sun", "Llamas in Peru"]
ORDER = [3, 1, 0, 2]


@dataclass(frozen=True)
class RealClient:
    """A client, its code, and what is known about it.

    Attributes:
        id: the id of the test, and a part of the key.
        detail: which part of the package, if it can call several APIs.
        package: the package, whose version is shown.
        environment: the environment that has the package.
        path: the path of the mock that the client calls.
        line: the code that creates the client, or the whole call; `{where}` stands for `where`.
        where: the arguments with the key and the URL.
        call: an expression for the answer of the client; its `made` is the value of `line`.
        rows: an expression for the results in that answer: index or None, score, text or None.
        imports: the imports of this code.
        variables: the environment variables that replace `where`, with their values.
        path_by_variables: the path that the client then calls, if it is another one.
        flags: the flags of a mock of its own, if the client needs one.
        returns: how many results a call with `top_n=2` returns.
        limit: what the client does not do, and why.
    """

    id: str
    package: str
    environment: str
    path: str
    line: str
    where: str
    rows: str
    imports: str
    detail: str = ""
    call: str = "made"
    variables: dict[str, str] = field(default_factory=dict)
    path_by_variables: str = ""
    flags: tuple[str, ...] = ()
    returns: int = 2
    limit: str = ""

    def label(self, version):
        """Return the name on the page."""
        origin = ", npm" if self.environment == "npm" else ""
        return f"`{self.package}` {version}{origin}{f', {self.detail}' if self.detail else ''}"

    def code(self, *, url=URL, key=KEY, model=MODEL, where=None):
        """Return the line, with the names filled in."""
        text = self.line.replace("{where}", self.where if where is None else where)
        return filled(text, url, key, model)


def filled(text, url=URL, key=KEY, model=MODEL):
    return text.replace("{url}", url).replace("{key}", key).replace("{model}", model)


def _id(text):
    return "-".join("".join(letter if letter.isalnum() else " " for letter in text.lower()).split())


def _litellm(detail, model, where, path, variables, options="", **others):
    return RealClient(
        id=_id(f"litellm {detail}"),
        detail=detail,
        package="litellm",
        environment="clients",
        path=path,
        line=f'litellm.rerank(model="{model}", query=query, documents=documents, top_n=top_n, {{where}})',
        where=f'api_key="{{key}}", api_base="{where}"{options}',
        rows='[(row["index"], row["relevance_score"], (row.get("document") or {}).get("text"))'
        " for row in answer.results]",
        imports="import litellm",
        variables=variables,
        **others,
    )


def _rerankers(provider, path, **others):
    return RealClient(
        id=_id(f"rerankers {provider}"),
        detail=provider,
        package="rerankers",
        environment="clients",
        path=path,
        line=f'APIRanker("{{model}}", api_provider="{provider}", {{where}})',
        where=f'api_key="{{key}}", url="{{url}}{path}"',
        call="made.rank(query, documents)",
        rows="[(row.doc_id, row.score, row.text) for row in answer.results]",
        imports="from rerankers.models.api_rankers import APIRanker",
        returns=4,
        limit="It returns all documents: `rank` has no `top_n`.",
        **others,
    )


_COHERE = {
    "call": 'made.rerank(model="{model}", query=query, documents=documents, top_n=top_n)',
    "rows": "[(row.index, row.relevance_score, None) for row in answer.results]",
}
_TOGETHER = {
    "call": 'made.rerank.create(model="{model}", query=query, documents=documents, top_n=top_n, return_documents=True)',
    "rows": "[(row.index, row.relevance_score, row.document and row.document.text) for row in answer.results]",
}
_LLAMA_INDEX = {
    "call": "made.postprocess_nodes([NodeWithScore(node=TextNode(text=text)) for text in documents], query_str=query)",
    "rows": "[(None, row.score, row.node.text) for row in answer]",
}
_HAYSTACK = {
    "call": "made.run(query, [Document(content=text) for text in documents])",
    "rows": '[(None, row.score, row.content) for row in answer["documents"]]',
}
_COHERE_JS = {
    "call": 'made.rerank({ model: "{model}", query, documents, topN: top_n })',
    "rows": "answer.results.map((row) => [row.index, row.relevanceScore, null])",
}
_AI_SDK = {
    "call": "rerank({ model: made, query, documents, topN: top_n })",
    "rows": "answer.ranking.map((row) => [row.originalIndex, row.score, row.document])",
}

CLIENTS = [
    RealClient(
        id="together",
        package="together",
        environment="kit",
        path="/v1/rerank",
        line="Together({where})",
        where='api_key="{key}", base_url="{url}"',
        **_TOGETHER,
        imports="from together import Together",
        variables={"TOGETHER_BASE_URL": "{url}", "TOGETHER_API_KEY": "{key}"},
    ),
    RealClient(
        id="together-1",
        package="together",
        environment="together-1",
        path="/v1/rerank",
        line="Together({where})",
        where='api_key="{key}", base_url="{url}/v1"',
        call=_TOGETHER["call"],
        rows='[(row.index, row.relevance_score, (row.document or {}).get("text")) for row in answer.results]',
        imports="from together import Together",
        variables={"TOGETHER_BASE_URL": "{url}", "TOGETHER_API_KEY": "{key}"},
        path_by_variables="/rerank",
    ),
    RealClient(
        id="together-ai",
        package="together-ai",
        environment="npm",
        path="/v1/rerank",
        line="new Together({ {where} })",
        where='apiKey: "{key}", baseURL: "{url}/v1"',
        call='made.rerank.create({ model: "{model}", query, documents, top_n, return_documents: true })',
        rows="answer.results.map((row) => [row.index, row.relevance_score, row.document?.text ?? null])",
        imports='const { default: Together } = await load("together-ai")',
        variables={"TOGETHER_BASE_URL": "{url}", "TOGETHER_API_KEY": "{key}"},
        path_by_variables="/rerank",
    ),
    RealClient(
        id="ai-sdk-togetherai",
        package="@ai-sdk/togetherai",
        environment="npm",
        path="/v1/rerank",
        line='createTogetherAI({ {where} }).reranking("{model}")',
        where='apiKey: "{key}", baseURL: "{url}/v1"',
        **_AI_SDK,
        imports='const { createTogetherAI } = await load("@ai-sdk/togetherai"); const { rerank } = await load("ai")',
    ),
    _litellm(
        "together_ai",
        "together_ai/{model}",
        "{url}/v1",
        "/v1/rerank",
        {"TOGETHER_AI_API_BASE": "{url}", "TOGETHER_API_KEY": "{key}"},
    ),
    *(
        RealClient(
            id=f"{prefix}-{version}",
            detail=version,
            package="cohere",
            environment=environment,
            path=f"/cohere/{version}/rerank",
            line=f"cohere.{name}({{where}})",
            where='api_key="{key}", base_url="{url}/cohere"',
            **_COHERE,
            imports="import cohere",
            variables={"CO_API_URL": "{url}/cohere", "CO_API_KEY": "{key}"},
        )
        for prefix, environment in (("cohere", "clients"), ("cohere-5", "cohere-5"))
        for version, name in (("v1", "Client"), ("v2", "ClientV2"))
    ),
    RealClient(
        id="cohere-ai-v1",
        detail="v1",
        package="cohere-ai",
        environment="npm",
        path="/cohere/v1/rerank",
        line="new CohereClient({ {where} })",
        where='token: "{key}", environment: "{url}/cohere"',
        **_COHERE_JS,
        imports='const { CohereClient } = await load("cohere-ai")',
    ),
    RealClient(
        id="cohere-ai-v2",
        detail="v2",
        package="cohere-ai",
        environment="npm",
        path="/cohere/v2/rerank",
        line="new CohereClientV2({ {where} })",
        where='token: "{key}", environment: "{url}/cohere"',
        **_COHERE_JS,
        imports='const { CohereClientV2 } = await load("cohere-ai")',
    ),
    RealClient(
        id="ai-sdk-cohere",
        package="@ai-sdk/cohere",
        environment="npm",
        path="/cohere/v2/rerank",
        line='createCohere({ {where} }).reranking("{model}")',
        where='apiKey: "{key}", baseURL: "{url}/cohere/v2"',
        **_AI_SDK,
        imports='const { createCohere } = await load("@ai-sdk/cohere"); const { rerank } = await load("ai")',
    ),
    RealClient(
        id="langchain-cohere-npm",
        package="@langchain/cohere",
        environment="npm",
        path="/cohere/v1/rerank",
        line='new CohereRerank({ model: "{model}", topN: top_n, client: new CohereClient({ {where} }) })',
        where='token: "{key}", environment: "{url}/cohere"',
        call="made.compressDocuments(documents.map((text) => new Document({ pageContent: text })), query)",
        rows="answer.map((row) => [null, row.metadata.relevanceScore, row.pageContent])",
        imports='const { CohereRerank } = await load("@langchain/cohere");'
        ' const { CohereClient } = await load("cohere-ai");'
        ' const { Document } = await load("@langchain/core/documents")',
    ),
    RealClient(
        id="langchain-cohere",
        package="langchain-cohere",
        environment="cohere-5",
        path="/cohere/v2/rerank",
        line='CohereRerank(model="{model}", top_n=top_n, {where})',
        where='cohere_api_key="{key}", base_url="{url}/cohere"',
        call="made.compress_documents([Document(page_content=text) for text in documents], query)",
        rows='[(None, row.metadata["relevance_score"], row.page_content) for row in answer]',
        imports="from langchain_cohere import CohereRerank\nfrom langchain_core.documents import Document",
    ),
    RealClient(
        id="llama-index-cohere",
        package="llama-index-postprocessor-cohere-rerank",
        environment="cohere-5",
        path="/cohere/v2/rerank",
        line='CohereRerank(model="{model}", top_n=top_n, {where})',
        where='api_key="{key}", base_url="{url}/cohere"',
        **_LLAMA_INDEX,
        imports="from llama_index.core.schema import NodeWithScore, TextNode\n"
        "from llama_index.postprocessor.cohere_rerank import CohereRerank",
    ),
    RealClient(
        id="cohere-haystack",
        package="cohere-haystack",
        environment="clients",
        path="/cohere/v2/rerank",
        line='CohereRanker(model="{model}", top_k=top_n, {where})',
        where='api_key=Secret.from_token("{key}"), api_base_url="{url}/cohere"',
        **_HAYSTACK,
        imports="from haystack import Document\nfrom haystack.utils import Secret\n"
        "from haystack_integrations.components.rankers.cohere import CohereRanker",
    ),
    _rerankers("cohere", "/cohere/v1/rerank"),
    _litellm(
        "cohere, v1",
        "cohere/{model}",
        "{url}/cohere/v1/rerank",
        "/cohere/v1/rerank",
        {},
    ),
    _litellm(
        "cohere, v2",
        "cohere/{model}",
        "{url}/cohere",
        "/cohere/v2/rerank",
        {"COHERE_API_BASE": "{url}/cohere", "COHERE_API_KEY": "{key}"},
    ),
    _litellm(
        "cohere, v2, with `num_retries`",
        "cohere/{model}",
        "{url}/cohere",
        "/cohere/v2/rerank",
        {},
        options=", num_retries=2",
        limit="It does not retry after a 429: `litellm.rerank` takes `num_retries` and ignores it, a fault of LiteLLM.",
    ),
    _litellm(
        "azure_ai",
        "azure_ai/{model}",
        "{url}/cohere",
        "/cohere/v1/rerank",
        {"AZURE_AI_API_BASE": "{url}/cohere", "AZURE_AI_API_KEY": "{key}"},
    ),
    RealClient(
        id="llama-index-jina",
        package="llama-index-postprocessor-jinaai-rerank",
        environment="clients",
        path="/jina/v1/rerank",
        line='JinaRerank(model="{model}", top_n=top_n, {where})',
        where='api_key="{key}", base_url="{url}/jina/v1"',
        **_LLAMA_INDEX,
        imports="from llama_index.core.schema import NodeWithScore, TextNode\n"
        "from llama_index.postprocessor.jinaai_rerank import JinaRerank",
    ),
    RealClient(
        id="jina-haystack",
        package="jina-haystack",
        environment="clients",
        path="/jina/v1/rerank",
        line='JinaRanker(model="{model}", top_k=top_n, {where})',
        where='api_key=Secret.from_token("{key}"), base_url="{url}/jina/v1/rerank"',
        **_HAYSTACK,
        imports="from haystack import Document\nfrom haystack.utils import Secret\n"
        "from haystack_integrations.components.rankers.jina import JinaRanker",
    ),
    _rerankers("jina", "/jina/v1/rerank"),
    _litellm(
        "jina_ai with `--dialect jina`",
        "jina_ai/{model}",
        "{url}",
        "/v1/rerank",
        {"JINA_AI_API_BASE": "{url}", "JINA_AI_API_KEY": "{key}"},
        flags=("--dialect", "jina"),
        limit="It cannot call `/jina`, because LiteLLM drops the path of `api_base`: a fault of LiteLLM. "
        "Start the mock with `serve --dialect jina`.",
    ),
    _litellm(
        "jina_ai without `--dialect`",
        "jina_ai/{model}",
        "{url}",
        "/v1/rerank",
        {},
        limit="It cannot call `/jina`, for the same reason. "
        "Without `--dialect jina` the mock answers as Together, which this client can read, too.",
    ),
    RealClient(
        id="voyageai",
        package="voyageai",
        environment="clients",
        path="/voyage/v1/rerank",
        line="voyageai.Client({where})",
        where='api_key="{key}", base_url="{url}/voyage/v1"',
        call='made.rerank(query, documents, model="{model}", top_k=top_n)',
        rows="[(row.index, row.relevance_score, row.document) for row in answer.results]",
        imports="import voyageai",
    ),
    _rerankers("voyage", "/voyage/v1/rerank"),
    _litellm(
        "voyage",
        "voyage/{model}",
        "{url}/voyage",
        "/voyage/v1/rerank",
        {"VOYAGE_API_BASE": "{url}/voyage", "VOYAGE_API_KEY": "{key}"},
    ),
    _rerankers("text-embeddings-inference", "/tei/rerank"),
    _litellm(
        "huggingface",
        "huggingface/{model}",
        "{url}/tei",
        "/tei/rerank",
        {"HUGGINGFACE_API_BASE": "{url}/tei", "HUGGINGFACE_API_KEY": "{key}"},
        returns=4,
        limit="It returns all documents: a fault of LiteLLM, which sends `top_n`, although TEI has none.",
    ),
    _litellm(
        "nvidia_nim",
        "nvidia_nim/{model}",
        "{url}/nim",
        "/nim/v1/retrieval/any-model/reranking",
        {"NVIDIA_NIM_API_BASE": "{url}/nim", "NVIDIA_NIM_API_KEY": "{key}"},
        returns=4,
        limit="It returns all documents: LiteLLM sends `top_k`, which NIM does not document.",
    ),
    _litellm(
        "nvidia_nim/ranking",
        "nvidia_nim/ranking/{model}",
        "{url}/nim",
        "/nim/v1/ranking",
        {"NVIDIA_NIM_API_BASE": "{url}/nim", "NVIDIA_NIM_API_KEY": "{key}"},
    ),
    _litellm(
        "infinity",
        "infinity/{model}",
        "{url}/infinity",
        "/infinity/rerank",
        {"INFINITY_API_BASE": "{url}/infinity", "INFINITY_API_KEY": "{key}"},
    ),
    _litellm(
        "hosted_vllm",
        "hosted_vllm/{model}",
        "{url}/vllm",
        "/vllm/rerank",
        {"HOSTED_VLLM_API_BASE": "{url}/vllm", "HOSTED_VLLM_API_KEY": "{key}"},
    ),
    _rerankers("mixedbread.ai", "/mixedbread/v1/reranking"),
    _rerankers("pinecone", "/pinecone/rerank"),
]
