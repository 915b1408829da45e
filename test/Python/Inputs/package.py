"""package.py MODELS FOLDER: the tests of the Python package."""

import json
import pathlib
import struct
import sys
import unittest

import numpy as np

import quench

models = pathlib.Path(sys.argv[1])
folder = pathlib.Path(sys.argv[2])

DTYPES = {"F32": np.float32, "I64": np.int64}


def read(path):
    """The tensors of a safetensors file."""
    data = path.read_bytes()
    size = struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8 : 8 + size])
    header.pop("__metadata__", None)
    tensors = {}
    for name, entry in header.items():
        begin, end = (8 + size + offset for offset in entry["data_offsets"])
        array = np.frombuffer(data[begin:end], DTYPES[entry["dtype"]])
        tensors[name] = array.reshape(entry["shape"])
    return tensors


class PackageTest(unittest.TestCase):
    def check(self, model, file):
        """Runs a model on the inputs in a file, against the outputs in it."""
        tensors = read(file)
        names = {tensor["name"] for tensor in model.manifest["entries"][0]["inputs"]}
        outputs = model(**{name: tensors[name] for name in names & tensors.keys()})
        compared = 0
        for name, array in outputs.items():
            if name in tensors:
                self.assertEqual(array.shape, tensors[name].shape)
                limit = 1e-5 * np.abs(tensors[name]).max()
                self.assertLessEqual(np.abs(array - tensors[name]).max(), limit)
                compared += 1
        self.assertGreater(compared, 0)

    def test_version(self):
        self.assertRegex(quench.version(), r"^\d+\.\d+\.\d+$")

    def test_opt(self):
        text = quench.opt(
            """func.func @f(%x: i32) -> i32 {
                 %0 = arith.constant 1 : i32
                 %1 = arith.muli %x, %0 : i32
                 return %1 : i32
               }""",
            "canonicalize",
        )
        self.assertNotIn("muli", text)

    def test_opt_says_what_is_wrong(self):
        with self.assertRaisesRegex(quench.Error, "ir:1:1: error: "):
            quench.opt("nonsense", "cse")
        with self.assertRaisesRegex(quench.Error, "'no-such' does not refer to a registered pass"):
            quench.opt("module {}", "no-such")

    def test_inspect(self):
        summary = quench.inspect(models / "bert")
        self.assertEqual(summary["model_type"], "bert")
        self.assertGreater(summary["bytes"], 0)

    def test_checkpoint_in_memory(self):
        with quench.load(models / "bert", threads=1) as model:
            self.check(model, models / "bert" / "b3-t17.safetensors")
            self.check(model, models / "bert" / "b1-t1.safetensors")

    def test_shared_library(self):
        for weights in ("embed", "external"):
            library = folder / f"lib{weights}.so"
            quench.build(
                models / "bert", library, emit="shared", weights=weights, cpu="x86-64-v3"
            )
            with quench.load(library) as model:
                self.assertEqual(model.manifest["cpu"], "x86-64-v3")
                self.check(model, models / "bert" / "b3-t17.safetensors")

    def test_two_models_at_once(self):
        first, second = quench.load(models / "bert"), quench.load(models / "bert-sentence")
        self.check(first, models / "bert" / "b3-t17.safetensors")
        self.check(second, models / "bert-sentence" / "b3-t17.safetensors")
        self.check(first, models / "bert" / "b1-t17.safetensors")
        first.close()
        self.check(second, models / "bert-sentence" / "b1-t17.safetensors")
        with self.assertRaisesRegex(quench.Error, "the model is closed"):
            first(input_ids=[[1]])

    def test_texts(self):
        with quench.load(models / "bert-sentence") as model:
            tokens = model.tokenize(["one", "one two three"])
            self.assertEqual(tokens["input_ids"].shape, tokens["attention_mask"].shape)
            embedding = model(**tokens)["sentence_embedding"]
            self.assertEqual(embedding.shape[0], 2)
            # Padding changes nothing.
            alone = model(**model.tokenize(["one"]))["sentence_embedding"]
            np.testing.assert_allclose(embedding[:1], alone, atol=1e-5)

    def test_states(self):
        """A decoder fed token by token gives what it gives at once."""
        ids = np.array([[1, 2, 3, 4, 5]])
        with quench.load(models / "llama") as model:
            states = {
                tensor["name"]: np.zeros(
                    [{"batch": 1, "context": 8}.get(dim, dim) for dim in tensor["shape"]],
                    np.float32,
                )
                for tensor in model.manifest["entries"][0]["inputs"]
                if tensor.get("role") == "state"
            }
            whole = model("prefill", input_ids=ids, **{n: s.copy() for n, s in states.items()})
            for position in range(ids.shape[1]):
                step = model(
                    "decode",
                    input_ids=ids[:, position : position + 1],
                    position=np.int64(position),
                    **states,
                )
            np.testing.assert_allclose(
                step["logits"][:, -1], whole["logits"][:, -1], rtol=1e-4, atol=1e-5
            )

    def test_calls_say_what_is_wrong(self):
        with quench.load(models / "bert") as model:
            with self.assertRaisesRegex(quench.Error, "found input 'ids', expected one of input_ids"):
                model(ids=[[1]])
            with self.assertRaisesRegex(quench.Error, "input_ids"):
                model()
            with self.assertRaisesRegex(quench.Error, "found float32, expected int64"):
                model(input_ids=np.zeros((1, 2), np.float32))
            with self.assertRaisesRegex(quench.Error, "input_ids"):
                model(input_ids=[[10**6]])
            with self.assertRaisesRegex(quench.Error, "found entry point 'x', expected one of encode"):
                model("x", input_ids=[[1]])

    def test_builds_say_what_is_wrong(self):
        with self.assertRaisesRegex(quench.Error, "no model at '/no/such'"):
            quench.build("/no/such", folder / "none")
        with self.assertRaisesRegex(quench.Error, "emit: found 'exec', expected exe"):
            quench.build(models / "bert", folder / "none", emit="exec")
        with self.assertRaisesRegex(quench.Error, "no model at"):
            quench.load("/no/such")
        (folder / "not-a-model").write_bytes(b"\x7fELF")
        with self.assertRaisesRegex(quench.Error, "is no shared library of a model"):
            quench.load(folder / "not-a-model")


unittest.main(argv=sys.argv[:1])
