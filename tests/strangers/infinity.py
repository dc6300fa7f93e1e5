"""Run Infinity's HTTP server with a tiny cross-encoder of random weights: `infinity.py FOLDER PORT KEY`.

It needs an interpreter with infinity-emb and torch. The weights come from a fixed seed, so the scores are meaningless
and the same in each run.
"""

import string
import sys
from pathlib import Path

import torch
from infinity_emb.cli import cli
from transformers import BertConfig, BertForSequenceClassification, BertTokenizerFast

_LENGTH = 2048
_SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
_CHARACTERS = string.ascii_lowercase + string.digits
# In WordPiece, a token that continues a word starts with ##.
_TOKENS = [*_SPECIAL, *_CHARACTERS, *(f"##{each}" for each in _CHARACTERS)]


def write_model(folder):
    """Write a BERT model with one layer and a ranking head, and its tokenizer."""
    torch.manual_seed(7)
    config = BertConfig(
        vocab_size=len(_TOKENS),
        hidden_size=32,
        num_hidden_layers=1,
        num_attention_heads=4,
        intermediate_size=64,
        max_position_embeddings=_LENGTH,
        initializer_range=0.5,
        num_labels=1,
    )
    BertForSequenceClassification(config).save_pretrained(folder)
    vocabulary = folder / "vocab.txt"
    vocabulary.write_text("\n".join(_TOKENS))
    BertTokenizerFast(str(vocabulary), model_max_length=_LENGTH).save_pretrained(folder)


def main(folder, port, key):
    """Run the server until the process ends."""
    model = Path(folder) / "rank"
    model.mkdir()
    write_model(model)
    options = {
        "model-id": model,
        "served-model-name": "rank",
        "engine": "torch",
        "device": "cpu",
        "host": "127.0.0.1",
        "port": port,
        "url-prefix": "/v1",
        "api-key": key,
    }
    given = [f"--{name}={value}" for name, value in options.items()]
    sys.argv = ["infinity_emb", "v2", *given, "--no-bettertransformer", "--no-model-warmup"]
    cli()


if __name__ == "__main__":
    main(*sys.argv[1:])
