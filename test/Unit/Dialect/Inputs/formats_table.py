"""Writes what quantizers make of numbers.

    formats_table.py OUTPUT

A line `# WIDE SCALE ATTRIBUTE` begins the numbers of one quantizer with one scale
in f64, or f32 where WIDE is 0; lines `NUMBER CODE NUMBER` follow: the input, its
code, and what that stands for. Floats are hexadecimal bits.
"""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parents[3]))
import formats  # noqa: E402
import uniform  # noqa: E402


def lines(dtype):
    scales = [0.25, 0.1, 3e-39 if dtype == "f32" else 3e-310, 1e20, 0.7]
    for index, form in enumerate(formats.all_formats()):
        quotients = list(formats.quotients(form, dtype))
        for scale, numbers in ((1.0, quotients), (scales[index % len(scales)], quotients[::5])):
            scale = uniform.round_to(dtype, scale)
            yield f"# {int(dtype == 'f64')} {uniform.to_bits(dtype, scale):x} {form.text}"
            for t in numbers:
                x = uniform.round_to(dtype, t * scale)
                code = formats.code_of(form, x, scale, dtype)
                number = formats.number_of(form, code, scale, dtype)
                yield f"{uniform.to_bits(dtype, x):x} {code} {uniform.to_bits(dtype, number):x}"


def main():
    pathlib.Path(sys.argv[1]).write_text("".join(f"{line}\n" for dtype in ("f32", "f64") for line in lines(dtype)))


main()
