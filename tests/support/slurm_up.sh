#!/bin/bash
# Brings up a real SLURM on this machine: slurm_up.sh DIR NODES. Prints "export SLURM_CONF=…" when all nodes are idle.
# slurm_down.sh DIR ends it. Needs the Debian packages slurm-wlm, munge and slurm-client.
set -eu
D=$(realpath -m "$1"); N=${2:-1}; U=$(id -un); H=$(hostname -s); PORT=$((20000 + $$ % 10000))
mkdir -p "$D"/{state,log,munge,run}; chmod 700 "$D/munge"
dd if=/dev/urandom of="$D/munge/key" bs=1024 count=1 status=none; chmod 400 "$D/munge/key"
cat > "$D/slurm.conf" <<C
ClusterName=test
SlurmctldHost=$H(127.0.0.1)
SlurmctldPort=$PORT
SlurmUser=$U
SlurmdUser=$U
AuthType=auth/munge
AuthInfo=socket=$D/munge/sock
CredType=cred/munge
StateSaveLocation=$D/state
SlurmdSpoolDir=$D/state/slurmd.%n
TmpFS=$D/tmp/%n
SlurmctldPidFile=$D/run/slurmctld.pid
SlurmdPidFile=$D/run/slurmd.%n.pid
SlurmctldLogFile=$D/log/slurmctld.log
SlurmdLogFile=$D/log/slurmd.%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SchedulerParameters=bf_interval=1,sched_min_interval=100000,batch_sched_delay=0
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
ReturnToService=2
MailProg=/bin/true
JobRequeue=1
KillWait=10
SlurmctldTimeout=30
SlurmdTimeout=10
SlurmdParameters=config_overrides
C
for ((i = 1; i <= N; i++)); do
  mkdir -p "$D/tmp/n$i" "$D/state/slurmd.n$i"
  echo "NodeName=n$i NodeHostname=$H NodeAddr=127.0.0.1 Port=$((PORT + i)) CPUs=1 RealMemory=2000 State=UNKNOWN" >> "$D/slurm.conf"
done
echo "PartitionName=main Nodes=n[1-$N] Default=YES MaxTime=INFINITE State=UP" >> "$D/slurm.conf"
export SLURM_CONF="$D/slurm.conf"
munged --force --key-file="$D/munge/key" --socket="$D/munge/sock" --pid-file="$D/munge/pid" \
  --log-file="$D/munge/log" --seed-file="$D/munge/seed" >"$D/log/munged.out" 2>&1
slurmctld -D -c -f "$SLURM_CONF" >"$D/log/ctld.out" 2>&1 & echo $! > "$D/run/ctld"
for ((i = 1; i <= N; i++)); do
  slurmd -D -N "n$i" -f "$SLURM_CONF" >"$D/log/d$i.out" 2>&1 & echo $! > "$D/run/d$i"
done
for ((t = 0; t < 200; t++)); do
  idle=$(sinfo -h -N -o '%N %t' 2>/dev/null | grep -c ' idle$' || true)
  if [ "$idle" = "$N" ]; then echo "export SLURM_CONF=$SLURM_CONF"; exit 0; fi
  sleep 0.2
done
echo "SLURM did not come up; its logs are in $D/log" >&2
exit 1
