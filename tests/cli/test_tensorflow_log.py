"""The log of TensorFlow is hidden; everything else on the standard error, and a crash, is shown."""

import io
import os
import subprocess
import sys
from pathlib import Path

import pytest

from imggen.cli.log_filter import END, filter_log

ROOT = Path(__file__).parents[2]
LOG = b"""\
WARNING: All log messages before absl::InitializeLog() is called are written to STDERR
I0000 00:00:1795808449.823590    3287 port.cc:153] oneDNN custom operations are on.
W0000 00:00:1745414460.117226   13 computation_placer.cc:177] computation placer already registered
W0000 00:00:1745414460.2  13 gpu_device.cc:2342] Cannot dlopen some GPU libraries.
E0000 00:00:1745414460.101 13 cuda_dnn.cc:8310] Unable to register cuDNN factory: registered
E0000 00:00:1745414460.109 13 cuda_blas.cc:1418] Unable to register cuBLAS factory
E0000 00:00:1795808477.562619 3407 cuda_platform.cc:52] failed call to cuInit: INTERNAL
2024-05-01 10:11:12.131415: I tensorflow/core/platform/cpu_feature_guard.cc:210] This binary
To enable the following instructions: AVX2 FMA, in other operations, rebuild TensorFlow
2024-05-01 10:11:12.131415: W tensorflow/compiler/tf2tensorrt/utils/py_utils.cc:38] TF-TRT Warning
2024-05-01 10:11:12.131415: E external/local_xla/xla/stream_executor/cuda/cuda_fft.cc:479] \
Unable to register cuFFT factory
"""
OTHERS = b"""\
Traceback (most recent call last):
ImportError: libcuda.so.1: cannot open shared object file
F0000 00:00:1795808449.823590    3287 cpu_feature_guard.cc:20] compiled to use AVX instructions
E0000 00:00:1795808449.823590    3287 allocator.cc:20] Failed to allocate 8 GB
2024-05-01 10:11:12.131415: E tensorflow/core/framework/node_def_util.cc:676] unknown attribute
I am a line of the user's own code: W1
Corrupt JPEG data: premature end of data segment
"""


def filtered(text: bytes) -> bytes:
    output = io.BytesIO()
    filter_log(io.BytesIO(text), output)
    return output.getvalue()


def test_only_messages_of_the_log_are_hidden():
    assert filtered(LOG + OTHERS + END) == OTHERS
    assert filtered(LOG + b"without a line break" + END) == b"without a line break"


def test_all_is_shown_after_a_crash():
    assert filtered(LOG + OTHERS) == OTHERS + LOG


@pytest.mark.parametrize(
    ("level", "ending", "shown"),
    [
        (None, "os.abort()", ["F0000", "I0000"]),
        (None, "raise ImportError('libcuda is broken')", ["libcuda is broken"]),
        ("3", "import sys; print('mine', file=sys.stderr); sys.exit('bye')", ["mine", "bye"]),
        ("0", "raise SystemExit", ["I0000", "F0000"]),
    ],
    ids=["crash", "error", "exit", "asked-for"],
)
def test_what_a_program_shows(tmp_path, level, ending, shown):
    """With a TensorFlow that logs and then ends in some way."""
    (tmp_path / "tensorflow.py").write_text(
        f"import os\nos.write(2, {LOG.splitlines()[1]!r} + b'\\n')\n"
        f"if {'F0000' in shown}: os.write(2, b'F0000 it is fatal\\n')\n{ending}\n"
    )
    (tmp_path / "m.keras").touch()
    env = {key: text for key, text in os.environ.items() if key != "TF_CPP_MIN_LOG_LEVEL"}
    env |= {} if level is None else {"TF_CPP_MIN_LOG_LEVEL": level}
    done = subprocess.run(
        [sys.executable, "-m", "imggen", "bench", ".", "--model", "m.keras"],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={**env, "PYTHONPATH": f"{tmp_path}:{ROOT}", "KERAS_BACKEND": "tensorflow"},
    )
    lines = done.stderr.splitlines()
    lines = lines[-1:] if "Traceback (most recent call last):" in lines else lines
    assert [word for word in shown if not any(word in line for line in lines)] == []
    assert len(lines) == len(shown), done.stderr
    assert done.returncode == {"os.abort()": -6, "raise SystemExit": 0}.get(ending, 1)
