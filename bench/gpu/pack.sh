#!/usr/bin/env bash
# Packs what the first machine with a GPU needs to give its figures: Node, the packages, this project as built, and the
# bench, as archives that together stay under 60 MB. There:  tar xf gan-onnx-gpu.tar.xz && gan-onnx-gpu/run.sh
#
#   bench/gpu/pack.sh [folder for the archives]     (on linux x64, after npm ci)
set -euo pipefail
cd "$(dirname "$0")/../.."
out=$(realpath -m "${1:-.}")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
bundle=$work/gan-onnx-gpu
mkdir -p "$bundle" "$out"

npm run --silent build
cp -r dist bench models package.json "$bundle"
cp bench/gpu/run.sh "$bundle/run.sh"
cp "$(node -p process.execPath)" "$bundle/node"
# The packages that run in Node; the web builds of ONNX Runtime and binaries for other systems stay here.
(cd "$bundle" && cp "$OLDPWD/package-lock.json" . && ONNXRUNTIME_NODE_INSTALL=skip \
  npm ci --silent --omit=dev --omit=optional --ignore-scripts --no-audit --no-fund)
rm -rf "$bundle"/node_modules/onnxruntime-web
find "$bundle"/node_modules/onnxruntime-node/bin -mindepth 2 -maxdepth 3 -type d \
  ! -path '*linux' ! -path '*linux/x64' -prune -exec rm -rf {} +
find "$bundle"/node_modules -name '*.map' -delete
strip --strip-unneeded "$bundle/node" 2>/dev/null || true

XZ_OPT='-9e -T0' tar -C "$work" -cJf "$out/gan-onnx-gpu.tar.xz" gan-onnx-gpu
size=$(stat -c %s "$out/gan-onnx-gpu.tar.xz")
echo "$out/gan-onnx-gpu.tar.xz: $((size / 1000000)) MB"
if [ "$size" -gt 60000000 ]; then
  echo "the archive is larger than 60 MB" >&2
  exit 1
fi
