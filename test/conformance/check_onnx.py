"""Judges ONNX files with tools this project did not write: onnx's checker and Python's onnxruntime.

Run from the repository root, in an environment with numpy, onnx and onnxruntime:

    python test/conformance/check_onnx.py <folder or file.onnx>...
    python test/conformance/check_onnx.py --samples generator.onnx samples.npy latents.npy --tolerance 1e-5

The first form checks every .onnx file (folders are searched through) with shape inference and loads it on the CPU.
The second runs the generator on latents.npy and compares its output with samples.npy. One line per check;
the exit status is 1 if any failed. --no-load leaves out loading, for the files that only a training build of ONNX Runtime
can load (ORT's own training artifacts). Nodes whose operator is not ONNX's own go unchecked, and the line says which.
"""

import argparse
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import onnx
import onnxruntime


def load(path):
    """An inference session on the CPU."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def describe(values):
    """Names, types and shapes of a graph's inputs or outputs: image:float[N,1,28,28]; of many, their number."""
    if len(values) > 4:
        return str(len(values))
    return ",".join(f"{v.name}:{type_of(v.type)}" for v in values) or "none"


def type_of(value_type):
    kind = value_type.WhichOneof("value")
    if kind != "tensor_type":
        return kind.removesuffix("_type") if kind else "?"
    tensor = value_type.tensor_type
    dtype = onnx.TensorProto.DataType.Name(tensor.elem_type).lower()
    if not tensor.HasField("shape"):
        return dtype
    dims = (str(d.dim_value) if d.HasField("dim_value") else d.dim_param or "?" for d in tensor.shape.dim)
    return f"{dtype}[{','.join(dims)}]"


def check_model(path, loading):
    """Checks one file; returns its summary, raises what the checker or the runtime raises."""
    onnx.checker.check_model(str(path), full_check=True)
    if loading:
        load(path)
    model = onnx.load(path, load_external_data=False)
    opsets = ",".join(f"{o.domain}:{o.version}" if o.domain else str(o.version) for o in model.opset_import)
    graph = model.graph
    return (
        f"nodes={len(graph.node)} opset={opsets} inputs={describe(graph.input)} outputs={describe(graph.output)}"
        f"{passed_over(graph)}{'' if loading else ' not_loaded'}"
    )


def passed_over(graph):
    """The checker knows no schema of operators outside ONNX, and lets their nodes pass: which ones, and how many."""
    operators = Counter(node.op_type for node in graph.node if not onnx.defs.has(node.op_type, node.domain))
    named = ",".join(f"{operator}({count})" for operator, count in sorted(operators.items()))
    return f" not_checked={named}" if named else ""


def onnx_files(paths):
    """The files named, and every .onnx file under the folders named."""
    for path in map(Path, paths):
        if path.is_dir():
            found = sorted(path.rglob("*.onnx"))
            if not found:
                raise FileNotFoundError(f"{path}: no .onnx file in this folder")
            yield from found
        else:
            yield path


def check_samples(model_path, samples_path, latents_path, tolerance):
    """Runs the generator on the latents and compares; returns the summary, raises ValueError on a mismatch."""
    samples, latents = np.load(samples_path), np.load(latents_path)
    session = load(model_path)
    names = [i.name for i in session.get_inputs()]
    if len(names) != 1:
        raise ValueError(f"expected one input, the latents, found {names}")
    for name, array in (("samples", samples), ("latents", latents)):
        if array.dtype != np.float32:
            raise ValueError(f"{name} must be float32, found {array.dtype}")
    output = session.run(None, {names[0]: latents})[0]
    if output.shape != samples.shape:
        raise ValueError(f"generator made {list(output.shape)}, samples have {list(samples.shape)}")
    if output.size == 0:
        raise ValueError("no samples to compare")
    difference = float(np.abs(output.astype(np.float64) - samples).max())
    summary = f"samples={list(samples.shape)} max_abs_difference={difference:.3g} tolerance={tolerance:g}"
    if not difference <= tolerance:  # also when it is NaN
        raise ValueError(summary)
    return summary


def judge(path, check):
    """Prints one line for one check; says whether it passed."""
    try:
        print(f"ok {path} {check()}", flush=True)
        return True
    except Exception as error:  # whatever the checker or the runtime raises is the verdict
        print(f"FAILED {path} {' '.join(str(error).split())}", flush=True)
        return False


def main():
    parser = argparse.ArgumentParser(description="Checks ONNX files with onnx's checker and Python's onnxruntime.")
    parser.add_argument("paths", nargs="*", help=".onnx files, or folders to search")
    parser.add_argument("--no-load", action="store_true", help="check only, do not load in onnxruntime")
    parser.add_argument("--samples", nargs=3, metavar=("GENERATOR", "SAMPLES", "LATENTS"))
    parser.add_argument("--tolerance", type=float, default=1e-5)
    args = parser.parse_args()
    if not args.paths and not args.samples:
        parser.error("nothing to check: name files or folders, or --samples")

    try:
        files = list(onnx_files(args.paths))
    except FileNotFoundError as error:
        print(f"FAILED {error}")
        return 1
    results = [judge(f, lambda f=f: check_model(f, loading=not args.no_load)) for f in files]
    if args.samples:
        generator = args.samples[0]
        results.append(judge(generator, lambda: check_samples(*args.samples, args.tolerance)))
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
