"""Run llama.cpp's HTTP server with a tiny reranker of random weights: `llama_cpp.py FOLDER PORT KEY`.

It needs an interpreter with xllamacpp and gguf. The weights come from a fixed seed, so the scores are meaningless and
the same in each run.
"""

import string
import sys
import threading
from pathlib import Path

import gguf
import numpy as np
import xllamacpp

_WIDTH, _INNER, _HEADS, _LENGTH = 32, 64, 4, 2048
_SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
# In llama.cpp's format of BERT's vocabulary, a token that begins a word starts with U+2581.
_TOKENS = [*_SPECIAL, *(f"\u2581{each}" for each in string.ascii_lowercase + string.digits), *string.ascii_lowercase]


def write_model(path):
    """Write a BERT model with one layer and a ranking head."""
    chance = np.random.default_rng(7)
    writer = gguf.GGUFWriter(path, "bert")
    writer.add_name("random")
    writer.add_context_length(_LENGTH)
    writer.add_embedding_length(_WIDTH)
    writer.add_block_count(1)
    writer.add_feed_forward_length(_INNER)
    writer.add_head_count(_HEADS)
    writer.add_layer_norm_eps(1e-12)
    writer.add_causal_attention(value=False)
    writer.add_pooling_type(gguf.PoolingType.RANK)
    writer.add_tokenizer_model("bert")
    writer.add_tokenizer_pre("default")
    writer.add_token_list(_TOKENS)
    writer.add_token_types([3 if token in _SPECIAL else 1 for token in _TOKENS])
    writer.add_token_scores([0.0] * len(_TOKENS))
    writer.add_token_type_count(2)
    for name, token in (("pad", 0), ("unk", 1), ("bos", 2), ("eos", 3), ("sep", 3), ("mask", 4)):
        getattr(writer, f"add_{name}_token_id")(token)

    def tensor(name, *shape, scale=0.5, base=0.0):
        writer.add_tensor(name, (base + scale * chance.standard_normal(shape)).astype(np.float32))

    def linear(name, wide, deep):
        tensor(f"{name}.weight", wide, deep)
        tensor(f"{name}.bias", wide, scale=0.1)

    def norm(name):
        tensor(f"{name}.weight", _WIDTH, scale=0.0, base=1.0)
        tensor(f"{name}.bias", _WIDTH, scale=0.0)

    tensor("token_embd.weight", len(_TOKENS), _WIDTH)
    tensor("position_embd.weight", _LENGTH, _WIDTH, scale=0.1)
    tensor("token_types.weight", 2, _WIDTH)
    norm("token_embd_norm")
    for name in ("attn_q", "attn_k", "attn_v", "attn_output"):
        linear(f"blk.0.{name}", _WIDTH, _WIDTH)
    norm("blk.0.attn_output_norm")
    norm("blk.0.layer_output_norm")
    linear("blk.0.ffn_up", _INNER, _WIDTH)
    linear("blk.0.ffn_down", _WIDTH, _INNER)
    linear("cls", _WIDTH, _WIDTH)
    linear("cls.output", 1, _WIDTH)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def main(folder, port, key):
    """Run the server until the process ends."""
    model = Path(folder) / "random.gguf"
    write_model(model)
    settings = xllamacpp.CommonParams()
    settings.model.path = str(model)
    settings.embedding = True
    settings.pooling_type = xllamacpp.llama_pooling_type.LLAMA_POOLING_TYPE_RANK
    settings.hostnames = ["127.0.0.1"]
    settings.port = int(port)
    settings.api_keys = [key]
    settings.n_ctx = settings.n_batch = settings.n_ubatch = _LENGTH
    settings.n_parallel = 1
    settings.cpuparams.n_threads = 1
    settings.warmup = False
    settings.verbosity = 0
    server = xllamacpp.Server(settings)
    threading.Event().wait()
    del server


if __name__ == "__main__":
    main(*sys.argv[1:])
