#!/bin/sh
# Slurm on one machine (Debian: apt install slurm-wlm munge; as root), then candidates of a design computed through it.
# While it runs, kill a job with 'scancel --signal=KILL --full JOB': another one takes its place and nothing finished is lost.
set -e
state=$(mktemp -d)
host=$(hostname -s)
mkdir -p /run/munge && chown munge: /run/munge
[ -f /etc/munge/munge.key ] || { dd if=/dev/urandom bs=1 count=1024 of=/etc/munge/munge.key; chown munge /etc/munge/munge.key; chmod 400 /etc/munge/munge.key; }
runuser -u munge -- munged
mkdir "$state/controller" "$state/node"
cat > "$state/slurm.conf" <<END
ClusterName=one
SlurmctldHost=$host(127.0.0.1)
SlurmUser=root
AuthType=auth/munge
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
StateSaveLocation=$state/controller
SlurmdSpoolDir=$state/node
SlurmctldPidFile=$state/controller.pid
SlurmdPidFile=$state/node.pid
ReturnToService=2
NodeName=$host NodeAddr=127.0.0.1 CPUs=$(nproc) RealMemory=8000 State=UNKNOWN
PartitionName=all Nodes=$host Default=YES MaxTime=INFINITE State=UP
END
export SLURM_CONF="$state/slurm.conf"
slurmctld && slurmd
trap 'kill $(cat "$state/node.pid" "$state/controller.pid" /run/munge/munged.pid)' EXIT
dosmith design Al-A1 --model dosmith --elements Al,Li --top 3 --out "$state/run"
dosmith verify "$state/run" --top 3 --fixed-volume --cluster slurm --workers 2
