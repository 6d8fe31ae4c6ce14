#!/usr/bin/env bash
# Gives all figures of a machine with an NVIDIA driver, Vulkan and PyTorch in one command; writes them to results.txt.
# PYTHON names an interpreter with torch and numpy (default: python3).
set -uo pipefail
cd "$(dirname "$0")"
export PATH="$PWD:$PATH" XDG_RUNTIME_DIR="${XDG_RUNTIME_DIR:-$(mktemp -d)}"
# The driver's Vulkan, where its loader does not find it by itself.
for icd in /usr/share/vulkan/icd.d/nvidia_icd.json /etc/vulkan/icd.d/nvidia_icd.json; do
  if [ -z "${VK_DRIVER_FILES:-}" ] && [ -e "$icd" ]; then export VK_DRIVER_FILES="$icd" VK_ICD_FILENAMES="$icd"; fi
done
{
  date -u
  nvidia-smi --query-gpu=name,driver_version,memory.total --format=csv,noheader 2>&1
  ./node dist/cli/main.js doctor
  ./node dist/cli/main.js sample models/mnist/generator.onnx --count 100 --device webgpu --out samples-webgpu.png --force
  ./node bench/devices.mjs "$@"
} 2>&1 | tee results.txt
