#!/bin/sh
# Lays out a pretend SMC Management Server below one folder.
#
#   make-node.sh DIR NAME KEY VERSION PORT SHARED ROLE COUNT
#
#   DIR      everything of this node: smc/ (the pretend installation), counts/, behave/, state/, double/;
#            double/bin first in PATH brings its systemctl and a ps that shows this node's processes only
#   NAME     its name in SMC's list of servers
#   KEY      its internal key
#   VERSION  installed version as the server writes it: 7.3.3_10542
#   PORT     where it listens on 127.0.0.1 while it runs
#   SHARED   a folder that all nodes of the cluster share: it stands for the network between them
#   ROLE     active or standby
#   COUNT    how many servers there are
#
# Nothing is started, and nothing replicates yet. What the node is:
#   state/mode         active | standby
#   state/knows        key of the Active that a Standby knows
#   state/subscribed   exists: a Standby's own half of the replication is set up
#   state/subs/KEY     exists on an Active: that Standby is declared
#   state/code         forces the replication state that -status shows (BROKEN_ACT_STB)
set -eu

source=$(cd "$(dirname "$0")" && pwd)
dir=$1
name=$2
key=$3
version=$4
port=$5
shared=$6
role=$7
count=$8

mkdir -p "$dir/counts" "$dir/behave" "$dir/state/subs" "$dir/double/bin" "$shared/servers"
dir=$(cd "$dir" && pwd)
shared=$(cd "$shared" && pwd)
smc=$dir/smc
mkdir -p "$smc/bin" "$smc/data" "$smc/backups" "$smc/tmp/pg_replication_admin" "$smc/jre/bin" "$dir/installer"

cp "$source/press-exclude.sh" "$source/press-init.sh" "$source/common.sh" "$source/admin.sh" "$source/systemctl.sh" "$source/setup.sh" "$source/backup.sh" "$source/api.sh" "$dir/double/"
cp "$source/ps.sh" "$dir/double/bin/ps"
chmod 755 "$dir/double/bin/ps"
cp "$source/server.sh" "$smc/jre/bin/java"

# Quotes a word for sh.
quote() { printf "'%s'" "$(printf '%s' "$1" | sed "s/'/'\\\\''/g")"; }

{
    echo "dir=$(quote "$dir")"
    echo "name=$(quote "$name")"
    echo "key=$(quote "$key")"
    echo "port=$(quote "$port")"
    echo "shared=$(quote "$shared")"
    echo "count=$(quote "$count")"
} >"$dir/double/node.conf"

# Each command is a stub that hands over to one of the double's scripts.
stub() {
    printf '#!/bin/sh\nexec sh %s "$@"\n' "$(quote "$dir/double/$2")" >"$1"
    chmod 755 "$1"
}
# Not handed over by exec: the process table must show them while they work.
shown() {
    printf '#!/bin/sh\nsh %s "$@"\nexit $?\n' "$(quote "$dir/double/$2")" >"$1"
    chmod 755 "$1"
}
shown "$smc/bin/sgReplicationAdmin.sh" admin.sh
shown "$dir/installer/setup.sh" setup.sh
stub "$smc/bin/sgBackupMgtSrv.sh" backup.sh
stub "$dir/double/bin/systemctl" systemctl.sh
stub "$dir/double/bin/smc-api" api.sh
# The installer under one name on all nodes, for a command line that is the same for the whole cluster.
printf '#!/bin/sh\n%s "$@"\nexit $?\n' "$(quote "$dir/installer/setup.sh")" >"$dir/double/bin/smc-upgrade"
chmod 755 "$dir/double/bin/smc-upgrade"

echo "$version" >"$dir/state/installed"
echo "$role" >"$dir/state/mode"
printf 'MGT_SERVER_IP=127.0.0.1\nSG_BACKUP_DIR=%s\n' "$smc/backups" >"$smc/data/SGConfiguration.txt"
: >"$smc/tmp/mgtserver_ha_history.txt"
echo "$dir" >"$shared/servers/$key"
