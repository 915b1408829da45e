"""Builds the wheel of the quench package (PEP 517 and 660) from the tree.

The version is that of the project in CMakeLists.txt.
"""

import base64
import hashlib
import pathlib
import re
import zipfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "python" / "quench"


def _version():
    text = (ROOT / "CMakeLists.txt").read_text()
    return re.search(r"project\(Quench VERSION ([0-9.]+)", text).group(1)


def _metadata():
    return (
        "Metadata-Version: 2.1\n"
        "Name: quench\n"
        f"Version: {_version()}\n"
        "Summary: Compile transformer checkpoints to programs, and run them on numpy arrays\n"
        "License: Apache-2.0 WITH LLVM-exception\n"
        "Requires-Python: >=3.9\n"
        "Requires-Dist: numpy\n"
    )


def _write(folder, files):
    """Writes a wheel that holds `files`, a dictionary from paths to bytes."""
    version = _version()
    info = f"quench-{version}.dist-info"
    files = dict(files)
    files[f"{info}/METADATA"] = _metadata().encode()
    files[f"{info}/LICENSE"] = (ROOT / "LICENSE").read_bytes()
    files[f"{info}/WHEEL"] = (
        b"Wheel-Version: 1.0\nGenerator: wheel_backend\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    )
    record = ""
    for path, data in files.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
        record += f"{path},sha256={digest},{len(data)}\n"
    files[f"{info}/RECORD"] = f"{record}{info}/RECORD,,\n".encode()
    name = f"quench-{version}-py3-none-any.whl"
    with zipfile.ZipFile(pathlib.Path(folder) / name, "w", zipfile.ZIP_DEFLATED) as wheel:
        for path, data in files.items():
            wheel.writestr(zipfile.ZipInfo(path), data)
    return name


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    return _write(
        wheel_directory,
        {f"quench/{path.name}": path.read_bytes() for path in sorted(PACKAGE.glob("*.py"))},
    )


def build_editable(wheel_directory, config_settings=None, metadata_directory=None):
    return _write(wheel_directory, {"quench.pth": f"{ROOT / 'python'}\n".encode()})


def build_sdist(sdist_directory, config_settings=None):
    raise NotImplementedError("build wheels from the tree: pip install PATH, pip wheel PATH")
