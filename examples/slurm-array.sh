#!/usr/bin/env bash
# Samples a million images with a Slurm array of eight tasks. Each one passes its index to --shard and writes its parts
# into one folder of a shared file system:
#
#   sbatch examples/slurm-array.sh generator.onnx samples
#
# Submitted again it goes on where it was. Tasks must be numbered from 0, all of them.
#SBATCH --job-name=gan-samples
#SBATCH --array=0-7
#SBATCH --cpus-per-task=2
#SBATCH --mem=1G
#SBATCH --time=00:30:00
#SBATCH --requeue
set -euo pipefail

generator=${1:?usage: sbatch slurm-array.sh generator.onnx folder}
out=${2:?usage: sbatch slurm-array.sh generator.onnx folder}

exec npx gan-onnx sample "$generator" --count 1000000 --seed 1 --format idx --out "$out" \
  --shard "$SLURM_ARRAY_TASK_ID/$SLURM_ARRAY_TASK_COUNT"
