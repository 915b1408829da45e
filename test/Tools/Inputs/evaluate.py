"""Compares what `quench eval` measures with what numpy makes of the outputs of
`quench run`.

usage: evaluate.py QUENCH MODELS FOLDER
"""

import json
import os
import struct
import subprocess
import sys

import numpy as np

TYPES = {"F32": np.float32, "I64": np.int64}
QUANTIZE = ["--scheme", "W4A4"]


def read(path, name):
    with open(path, "rb") as stream:
        (size,) = struct.unpack("<Q", stream.read(8))
        entry = json.loads(stream.read(size))[name]
        begin, end = entry["data_offsets"]
        stream.seek(8 + size + begin)
        data = np.frombuffer(stream.read(end - begin), TYPES[entry["dtype"]])
        return data.reshape(entry["shape"])


def write(path, arrays):
    """Writes arrays by name and type."""
    header, body = {}, b""
    for (name, dtype), array in arrays.items():
        header[name] = {"dtype": dtype, "shape": array.shape,
                        "data_offsets": [len(body), len(body) + array.nbytes]}
        body += array.tobytes()
    text = json.dumps(header).encode()
    with open(path, "wb") as stream:
        stream.write(struct.pack("<Q", len(text)) + text + body)


def evaluate(quench, *arguments, quick=("--quick",)):
    return json.loads(subprocess.run(
        [quench, "eval", *quick, *arguments, "--json", "-"], check=True,
        capture_output=True).stdout)["metrics"]


def run(quench, folder, output, options, model, *arguments):
    path = os.path.join(folder, "out.safetensors")
    subprocess.run([quench, "run", "--quick", *options, model, *arguments, "--output",
                    path, "--force"], check=True, stdout=subprocess.DEVNULL)
    return read(path, output).astype(np.float64)


def log_softmax(x):
    x = x - x.max(-1, keepdims=True)
    return x - np.log(np.exp(x).sum(-1, keepdims=True))


def cosine(a, b):
    return ((a * b).sum(-1) / np.linalg.norm(a, axis=-1)
            / np.linalg.norm(b, axis=-1)).mean()


def check(name, found, expected):
    wrong = [key for key, value in expected.items()
             if abs(found[key] - value) > 1e-5 * max(1, abs(value))]
    print(name, "agrees" if not wrong else f"{wrong}: {found} {expected}")


def main():
    quench, models, folder = sys.argv[1:]
    model = f"{models}/llama-bytes"
    text = np.fromfile(f"{models}/data/text-heldout.bin", np.uint8)[:6 * 32]
    ids = text.reshape(6, 32).astype(np.int64)
    np.save(f"{folder}/ids.npy", ids)
    text.tofile(f"{folder}/text.bin")
    log_p = log_softmax(run(quench, folder, "logits", [], model, "--input",
                            f"input_ids={folder}/ids.npy"))[:, :-1]
    bits = -np.take_along_axis(log_p, ids[:, 1:, None], -1).mean() / np.log(2)
    found = evaluate(quench, model, "--data", f"{folder}/text.bin", "--length",
                     "32", "--batch", "4")
    tokens = evaluate(quench, model, "--data", f"{folder}/ids.npy")
    check("llama-bytes", {**found, **tokens}, {
        "bits_per_byte": bits, "bits_per_token": bits, "perplexity": 2 ** bits,
        "next_token_accuracy": (log_p.argmax(-1) == ids[:, 1:]).mean()})

    model = f"{models}/vit-out-digits"
    images, every = f"{folder}/images.safetensors", f"{models}/data/digits-test.safetensors"
    write(images, {("pixel_values", "F32"): read(every, "pixel_values")[:60],
                   ("labels", "I64"): read(every, "labels")[:60]})
    inputs = ["--input", f"pixel_values={images}"]
    exact = run(quench, folder, "logits", [], model, *inputs)
    coded = run(quench, folder, "logits", QUANTIZE, model, *inputs)
    p, q = log_softmax(exact), log_softmax(coded)
    both = [evaluate(quench, model, "--data", images, *QUANTIZE, "--reference",
                     "float", "--threads", threads, quick=quick)
            for threads, quick in (("1", ["--quick"]), ("2", []))]
    check("vit-out-digits", both[0], {
        "kl": (np.exp(p) * (p - q)).sum(-1).mean(),
        "agreement": (p.argmax(-1) == q.argmax(-1)).mean(),
        "accuracy": (q.argmax(-1) == read(images, "labels")).mean(),
        "cosine.logits": cosine(exact, coded)})

    model = f"{models}/bert-sentence"
    sentences = f"{models}/minilm/sentences.txt"
    exact, coded = (run(quench, folder, "sentence_embedding", options, model,
                        "--text", sentences) for options in ([], QUANTIZE))
    check("bert-sentence",
          evaluate(quench, model, "--data", sentences, *QUANTIZE, "--reference",
                   "float"),
          {"cosine.sentence_embedding": cosine(exact, coded)})
    print("threads", "agree" if both[0] == both[1] else f"differ: {both}")


main()
