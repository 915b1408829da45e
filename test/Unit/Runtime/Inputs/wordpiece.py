"""What the `tokenizers` package makes of hard text, for WordPieceTest.cpp.

wordpiece.py > wordpiece.json writes a vocabulary, texts, and the ids that the
package gives; and for each setting a digest of what it makes of every single
code point. Version 0.23.3 wrote what is committed.
"""

import json
import random
import sys

from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

SETTINGS = [
    {"lowercase": True, "strip_accents": None, "chinese_chars": True},
    {"lowercase": False, "strip_accents": None, "chinese_chars": True},
    {"lowercase": True, "strip_accents": False, "chinese_chars": False},
    {"lowercase": False, "strip_accents": True, "chinese_chars": True},
]

TEXTS = [
    "",
    " ",
    "Hello, World!",
    "  leading and   inner\tspace\r\n and a trailing line \n",
    "Café déjà vu, naïve façade; Ångström, Ünïcödé",
    "Cafe\u0301 de\u0301ja\u0300 (decomposed)",
    "İstanbul ve IĞDIR, ıssız",
    "ΣΊΣΥΦΟΣ Σίσυφος ὈΔΥΣΣΕΎΣ",
    "Straße GROẞE ﬁnanzen ﬀ ǅ",
    "我爱北京天安门。東京都は日本の首都です。",
    "한국어 문장과 Hangul \u1112\u1161\u11ab",
    "mixed中文text和English",
    "\U00020000\U0002a6df\U0002a700\U0002b81f\U0002b820\U0002b920 rare ideographs",
    "🙂 emoji 👩‍👩‍👧‍👦 👍🏽 🇩🇪 ❤️ ☎",
    "zero\u200bwidth\u200djoin\ufeff bom soft\u00adhyphen",
    "control\x00\x01\x07\x1b\x7f\x85chars\ufffd and \ue000private",
    "spaces\u00a0of\u2003all\u3000kinds\u2028and\u2029lines\u1680",
    "don't stop-me_now! $5.00 + 3^2 = <tag> `code` ~ |x| {y} [z] @me #1",
    "“quotes” ‘single’ «guillemets» — dashes – … ¿qué? ¡sí! 「かぎ」、。",
    "हिन्दी में एक वाक्य। বাংলা ไทยภาษา עִבְרִית العَرَبِيَّة",
    "Việt Nam: Tiếng Việt có dấu",
    "x\u0301\u0302\u0303\u0304\u0305 stacked marks o\u0338",
    "[CLS] special [MASK] tokens",
    "a" * 99 + " " + "a" * 100 + " " + "a" * 101,
    "a" * 10000,
    "é" * 10000,
    "中" * 300,
    "." * 300,
    "word " * 500,
    "1234567890 3.14159 1e-10 0xdeadbeef ½ ² Ⅷ ①",
    "\U0001f972\U0001fae0 new emoji \u1734\u166d\U000111c9",
    "http://example.com/a?b=c&d=%20 user@example.com C:\\dir\\file.txt",
]


def normalizer(setting):
    return normalizers.BertNormalizer(
        clean_text=True,
        handle_chinese_chars=setting["chinese_chars"],
        strip_accents=setting["strip_accents"],
        lowercase=setting["lowercase"],
    )


def splitter(setting):
    normalize = normalizer(setting)
    split = pre_tokenizers.BertPreTokenizer()
    return lambda text: [
        word for word, _ in split.pre_tokenize_str(normalize.normalize_str(text))
    ]


def make_vocab(words):
    """Single characters, some of them left out, and random parts of words."""
    rng = random.Random(1)
    chars = sorted({c for word in words for c in word})
    vocab = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    vocab += [c for c in chars if rng.random() < 0.9]
    vocab += ["##" + c for c in chars if rng.random() < 0.9]
    for word in sorted(set(words)):
        for _ in range(4):
            begin = rng.randrange(len(word))
            end = rng.randrange(begin, min(len(word), begin + 12)) + 1
            vocab.append(("##" if begin else "") + word[begin:end])
    return list(dict.fromkeys(vocab))


def code_points():
    return (c for c in range(1, 0x110000) if not 0xD800 <= c < 0xE000)


def digest(split):
    """FNV-1a of the words of a<c>b, for every c that does not stay as it is."""
    value = 0xCBF29CE484222325
    for c in code_points():
        text = "a" + chr(c) + "b"
        words = split(text)
        if words == [text]:
            continue
        for byte in f"{c:x}:{'|'.join(words)}\n".encode():
            value = (value ^ byte) * 0x100000001B3 & 0xFFFFFFFFFFFFFFFF
    return f"{value:016x}"


def fixture():
    words = [w for s in SETTINGS for t in TEXTS for w in splitter(s)(t)]
    vocab = make_vocab(words)
    cases = []
    for setting in SETTINGS:
        ids = {token: i for i, token in enumerate(vocab)}
        tokenizer = Tokenizer(
            models.WordPiece(ids, unk_token="[UNK]", max_input_chars_per_word=100)
        )
        tokenizer.normalizer = normalizer(setting)
        tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
        tokenizer.post_processor = processors.BertProcessing(
            ("[SEP]", ids["[SEP]"]), ("[CLS]", ids["[CLS]"])
        )
        cases.append(
            {
                **setting,
                "digest": digest(splitter(setting)),
                "ids": [tokenizer.encode(text).ids for text in TEXTS],
            }
        )
    document = {"vocab": vocab, "texts": TEXTS, "cases": cases}
    json.dump(document, sys.stdout, separators=(",", ":"))
    print()


fixture()
