#!/usr/bin/env bash
# Trains one GAN on several machines of a Slurm cluster: one rank a machine, all of its cores. MPI must be MPICH (or one of its
# relatives, with --mpi=pmi2) or Open MPI (with --mpi=pmix), the same on all machines; gan-onnx doctor says whether a machine
# has it. The run's folder and the data lie on a file system that all of them see:
#
#   sbatch examples/slurm-train.sh data/mnist runs/mnist
#
# Submitted again it goes on from the last checkpoint, on as many machines as it then has; a run that is complete it leaves.
#SBATCH --job-name=gan-train
#SBATCH --nodes=4
#SBATCH --ntasks-per-node=1
#SBATCH --cpus-per-task=16
#SBATCH --mem=4G
#SBATCH --time=04:00:00
#SBATCH --requeue
# Told two minutes before the time is up, the ranks end together with a checkpoint.
#SBATCH --signal=TERM@120
set -euo pipefail

data=${1:?usage: sbatch slurm-train.sh data-folder run-folder}
out=${2:?usage: sbatch slurm-train.sh data-folder run-folder}

if [ -e "$out/complete.json" ]; then exit 0; fi
if compgen -G "$out/checkpoints/*" >/dev/null; then
  run=(--resume "$out")
else
  # --batch-size is that of all ranks together.
  run=(--preset pytorch-gan --data-dir "$data" --batch-size 256 --out "$out" --force)
fi
# Not through npx, which does not hand on the descriptor over which Slurm speaks to a rank: the command of the package that is
# installed in this folder, or of a clone.
command=node_modules/gan-onnx/dist/cli/main.js
[ -e "$command" ] || command=dist/cli/main.js
exec srun --mpi="${GAN_MPI:-pmi2}" node "$command" train "${run[@]}" --threads "$SLURM_CPUS_PER_TASK"
