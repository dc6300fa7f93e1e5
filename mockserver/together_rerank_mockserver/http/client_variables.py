"""The environment variables that point clients to a mock."""

# The path below the mock, by the variable that clients read.
_URLS = {
    "TOGETHER_BASE_URL": "",
    "TOGETHER_AI_API_BASE": "",
    "CO_API_URL": "/cohere",
    "COHERE_API_BASE": "/cohere",
    "AZURE_AI_API_BASE": "/cohere",
    "HOSTED_VLLM_API_BASE": "/vllm",
    "HF_API_BASE": "/tei",
    "HUGGINGFACE_API_BASE": "/tei",
    "INFINITY_API_BASE": "/infinity",
    # LiteLLM drops the path; it can also read the answers of Together's API, which are at the root.
    "JINA_AI_API_BASE": "",
    "NVIDIA_NIM_API_BASE": "/nim",
    "VOYAGE_API_BASE": "/voyage",
}
_KEYS = (
    *("TOGETHER_API_KEY", "CO_API_KEY", "COHERE_API_KEY", "AZURE_AI_API_KEY", "HOSTED_VLLM_API_KEY"),
    *("HUGGINGFACE_API_KEY", "INFINITY_API_KEY", "JINA_AI_API_KEY", "JINA_API_KEY", "NVIDIA_NIM_API_KEY"),
    "VOYAGE_API_KEY",
)


def client_variables(url: str, api_key: str | None) -> dict[str, str]:
    """Return the variables with which clients use the mock at *url*, and *api_key* unless it is None."""
    keys = {} if api_key is None else dict.fromkeys(_KEYS, api_key)
    return {name: url + path for name, path in _URLS.items()} | keys
