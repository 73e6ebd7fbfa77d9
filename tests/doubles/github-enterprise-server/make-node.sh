#!/bin/sh
# Lays out a pretend node of a GitHub Enterprise Server cluster below one folder.
#
#   make-node.sh DIR NAME VERSION SHARED PRIMARY MEMBER=IP=WEB...
#
#   DIR      everything of this node: admin/ (its /home/admin), etc/, log/, page/, state/, counts/, behave/, double/;
#            with double/bin first in PATH, a session sees the product's commands and this node's own processes
#   NAME     its name in cluster.conf
#   VERSION  what it runs: 3.16.4
#   SHARED   a folder that all nodes of the cluster share: it stands for the network between them
#   PRIMARY  cluster.mysql-master
#   MEMBER   all members: name, IPv4 address, and whether it serves the web (true, false)
set -eu

source=$(cd "$(dirname "$0")" && pwd)
dir=$1
name=$2
version=$3
shared=$4
primary=$5
shift 5

mkdir -p "$dir/admin" "$dir/etc" "$dir/log" "$dir/page" "$dir/state" "$dir/counts" "$dir/behave" "$dir/double/bin" \
    "$shared/members" "$shared/download"
dir=$(cd "$dir" && pwd)
shared=$(cd "$shared" && pwd)
cp "$source/lib.sh" "$source/cluster.sh" "$source/upgrade.sh" "$source/system.sh" "$dir/double/"

# Quotes a word for sh.
quote() { printf "'%s'" "$(printf '%s' "$1" | sed "s/'/'\\\\''/g")"; }

{
    echo "dir=$(quote "$dir")"
    echo "name=$(quote "$name")"
    echo "shared=$(quote "$shared")"
} >"$dir/double/node.conf"

# Each command is a stub that hands over to one of the double's scripts, with its own name.
stub() {
    for command in $2; do
        printf '#!/bin/sh\nexec /bin/sh %s %s "$@"\n' "$(quote "$dir/double/$1")" "$command" >"$dir/double/bin/$command"
        chmod 755 "$dir/double/bin/$command"
    done
}
stub cluster.sh "ghe-version ghe-config ghe-cluster-each ghe-cluster-nodes ghe-cluster-status ghe-cluster-host-check"
stub cluster.sh "ghe-cluster-maintenance ghe-cluster-config-apply ghe-check-background-upgrade-jobs"
stub upgrade.sh "ghe-upgrade ghe-cluster-hotpatch"
stub system.sh "curl cat ps df ping uname sudo"

# A session's shell sees another process 1 after each boot of this node.
# shellcheck disable=SC2016 # to be written as it stands
{
    echo '#!/bin/sh'
    echo 'if [ "$*" != -s ]; then exec /bin/sh "$@"; fi'
    echo "state=$(quote "$dir/state")"
    echo 'read -r boots <"$state/boots"'
    echo 'echo "1 (init) S 0 1 1 0 -1 4194560 0 0 0 0 0 0 0 0 20 0 1 0 ${boots}00 0 0" >"$state/stat"'
    echo 'sed -u "s,/proc/1/stat,$state/stat,g" | /bin/sh -s'
} >"$dir/double/bin/sh"
chmod 755 "$dir/double/bin/sh"

{
    echo "[cluster]"
    echo "  mysql-master = $primary"
    echo "  redis-master = $primary"
    echo "  primary-datacenter = default"
    for member in "$@"; do
        member_name=${member%%=*}
        rest=${member#*=}
        echo "[cluster \"$member_name\"]"
        echo "  hostname = $member_name"
        echo "  ipv4 = ${rest%%=*}"
        echo "  consul-datacenter = default"
        if [ "${rest#*=}" = true ]; then echo "  web-server = true"; fi
    done
} >"$dir/etc/cluster.conf"

echo "$version" >"$dir/state/version"
echo /dev/xvda1 >"$dir/state/partition"
echo 1 >"$dir/state/boots"
# Started long ago; the last configuration run and the last hotpatch are older still.
echo 1767225600 >"$dir/state/btime"
echo "RELEASE_VERSION=$version" >"$dir/etc/enterprise-release"
echo "ghe-config-apply: done" >"$dir/log/ghe-config.log"
touch -t 202512010000 "$dir/etc/enterprise-release" "$dir/log/ghe-config.log"
echo "$dir" >"$shared/members/$name"
