#!/bin/bash
# A run on several nodes of a Slurm cluster: a Ray head and a driver on the first node, workers on all of them.
#
#   export CLNP_DB_URL=postgresql+psycopg://USER:PASSWORD@HOST:5432/DATABASE CLNP_STORAGE=/shared/artifacts CLNP_DATA=/shared/data
#   sbatch --nodes=4 --cpus-per-task=16 deploy/slurm.sh experiments/permuted-digits.yaml my-run [option of `clnp launch` …]
#   sbatch --nodes=4 --cpus-per-task=16 --gpus-per-node=4 deploy/slurm.sh CONFIG RUN
#
# Submit it from the project's folder, in an environment that has clnp; the storage and the data are folders that all nodes
# share (storage may be a bucket). Two minutes before its time is over the job stops its driver cleanly, queues itself again
# and then goes on where it stood. So it does when Slurm queues it again after a node failed.
#SBATCH --job-name=clnp
#SBATCH --nodes=2
#SBATCH --ntasks-per-node=1
#SBATCH --cpus-per-task=8
#SBATCH --mem-per-cpu=4G
#SBATCH --time=24:00:00
#SBATCH --requeue
#SBATCH --open-mode=append
#SBATCH --signal=B:USR1@120
set -euo pipefail
: "${2:?usage: sbatch slurm.sh CONFIG RUN [option of clnp launch …]}"
cd "${SLURM_SUBMIT_DIR:-.}"

cpus=${SLURM_CPUS_PER_TASK:-1}
port=$((20000 + SLURM_JOB_ID % 10000)) # two jobs may share a node
mapfile -t nodes < <(scontrol show hostnames "$SLURM_JOB_NODELIST")
# This script runs on the first node. HEAD_IP names another of its addresses than the first, if that is the faster network.
RAY_ADDRESS=${HEAD_IP:-$(hostname -I | cut -d ' ' -f 1)}:$port
RAY_AUTH_TOKEN=$(head -c 32 /dev/urandom | od -An -tx1 | tr -d ' \n')
export RAY_ADDRESS RAY_AUTH_TOKEN RAY_AUTH_MODE=token RAY_USAGE_STATS_ENABLED=0

# Workers hold no password: only the driver, which is no step of its own, keeps CLNP_DB_URL.
on_node() {
  local node=$1
  shift
  env -u CLNP_DB_URL srun --overlap --nodes=1 --ntasks=1 --cpus-per-task="$cpus" --nodelist="$node" "$@" &
  steps+=($!)
}

steps=()
driver=
again=
end_steps() {
  [ ${#steps[@]} -eq 0 ] || kill -TERM "${steps[@]}" 2>/dev/null || true
  wait
}
trap end_steps EXIT
trap 'again=yes; [ -z "$driver" ] || kill -TERM "$driver"' USR1 # the time is nearly over
trap '[ -z "$driver" ] || kill -TERM "$driver"' TERM             # cancelled, or preempted: then Slurm queues it again

ray_options=(--block --num-cpus="$cpus" --dashboard-agent-listen-port=0 --disable-usage-stats)
on_node "${nodes[0]}" ray start --head --port="$port" --include-dashboard=false "${ray_options[@]}"
until ray health-check --address "$RAY_ADDRESS" >/dev/null 2>&1; do
  kill -0 "${steps[0]}" || { echo "error: the Ray head has ended" >&2; exit 1; }
  sleep 2
done
for node in "${nodes[@]:1}"; do
  on_node "$node" ray start --address="$RAY_ADDRESS" "${ray_options[@]}"
done

# How many trials run side by side is counted once, when the driver connects: let every node be there by then.
for _ in {1..60}; do
  joined=$(ray status --address="$RAY_ADDRESS" 2>/dev/null | grep -c ' node_' || true)
  [ "$joined" -lt "${#nodes[@]}" ] || break
  sleep 2
done
echo "Ray runs on $joined of ${#nodes[@]} nodes"

deploy/drive.sh "$@" &
driver=$!
code=0
wait "$driver" || code=$?
while kill -0 "$driver" 2>/dev/null; do # a signal ended the wait and not the driver
  code=0
  wait "$driver" || code=$?
done
driver=

if [ -n "$again" ] && [ "$code" = 130 ]; then
  scontrol requeue "$SLURM_JOB_ID"
  exit 0
fi
exit "$code"
