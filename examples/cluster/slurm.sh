#!/bin/bash
# A run on a Slurm cluster: starts Ray on the nodes of the job, one process a node, and the driver on the first of them.
#
#   sbatch slurm.sh pipeline.yaml /shared/runs/a
#
# The pipeline, its inputs (if they are files) and the run directory lie on a file system that all nodes see. A job that was
# cut short is put in the queue again and goes on from what is committed.
#SBATCH --job-name=curate
#SBATCH --nodes=8
#SBATCH --ntasks-per-node=1
#SBATCH --cpus-per-task=32
#SBATCH --mem-per-cpu=2500M
#SBATCH --time=24:00:00
#SBATCH --requeue
#SBATCH --open-mode=append
#SBATCH --output=curate-%j.log

set -euo pipefail

if [ "$#" -ne 2 ]; then
    echo "usage: sbatch slurm.sh PIPELINE RUN" >&2
    exit 2
fi
pipeline=$1
run=$2
cpus=${SLURM_CPUS_PER_TASK:-1}

mapfile -t nodes < <(scontrol show hostnames "$SLURM_JOB_NODELIST")
head=${nodes[0]}
address=$(srun --nodes=1 --ntasks=1 --nodelist="$head" hostname --ip-address | awk '{print $1}')
port=$((20000 + SLURM_JOB_ID % 10000)) # jobs that share a node do not meet

# At most 8 connections to one host for the whole job: Common Crawl asks for no more.
nodes_of_job=${#nodes[@]}
export CURATE_STORAGE_AT_ONCE=$((nodes_of_job < 8 ? 8 / nodes_of_job : 1))
export RAY_USAGE_STATS_ENABLED=0

srun --overlap --nodes=1 --ntasks=1 --nodelist="$head" \
    ray start --head --block --node-ip-address="$address" --port="$port" --num-cpus="$cpus" \
    --include-dashboard=false --disable-usage-stats &

for _ in $(seq 60); do
    if (exec 3<>"/dev/tcp/$address/$port") 2>/dev/null; then
        break
    fi
    sleep 2
done

for node in "${nodes[@]:1}"; do
    srun --overlap --nodes=1 --ntasks=1 --nodelist="$node" \
        ray start --block --address="$address:$port" --num-cpus="$cpus" --disable-usage-stats &
done
sleep "${CURATE_JOIN_SECONDS:-20}" # nodes that come later are used as well

trap 'kill $(jobs -p) 2>/dev/null || true' EXIT
srun --overlap --nodes=1 --ntasks=1 --nodelist="$head" \
    curate run "$pipeline" --out "$run" --address "$address:$port" --log-file "$run.log"
