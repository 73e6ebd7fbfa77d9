#!/bin/sh
# Lays out a pretend SecureTransport node below one folder.
#
#   [KIND=server] [STREAM=0] make-node.sh DIR NAME LEVEL PORT SHARED MEMBER...
#
#   KIND     server; edge: a proxy and no Transaction Manager, members of nothing; core: a Server without a database of its
#            own, which uses the one in SHARED/database
#   STREAM   streaming port of an Edge on 127.0.0.1, open while its proxy runs
#   DIR      everything of this node: axway/ (the pretend <AxwayHome>), counts/, behave/, double/;
#            with double/bin first in PATH, ps shows this node's processes only, as on a host of its own
#   NAME     its name in cluster_state and in the servers file
#   LEVEL    what display.sh shows after "SecureTransport ": "V5.4", "V5.5 SP0_Update20240627"
#   PORT     Admin Tool port on 127.0.0.1; 0: the pretend Admin Tool does not listen
#   SHARED   a folder that all nodes of the cluster share: it stands for the network between them
#   MEMBER   all members, primary first
#
# Nothing is started. axway/SecureTransport/bin/start_all does that.
set -eu

source=$(cd "$(dirname "$0")" && pwd)
dir=$1
name=$2
level=$3
port=$4
shared=$5
kind=${KIND:-server}
stream=${STREAM:-0}
shift 5

mkdir -p "$dir/counts" "$dir/behave" "$dir/double/bin" "$shared/members"
dir=$(cd "$dir" && pwd)
shared=$(cd "$shared" && pwd)
axway=$dir/axway
home=$axway/SecureTransport
mkdir -p "$axway/Installer" "$axway/synInstall/synPatch" "$axway/Configuration" \
    "$home/bin" "$home/conf" "$home/lib/admin/config" "$home/lib/double" "$home/var/run/admin" "$home/var/tmp" \
    "$home/var/logs" "$home/var/db/hist" "$home/tomcat/admin/conf" "$home/tomcat/admin/logs" "$home/brules/conf"

cp "$source/ps.sh" "$dir/double/bin/ps"
chmod 755 "$dir/double/bin/ps"
cp "$source/command.sh" "$source/display.sh" "$source/update.sh" "$dir/double/"
cp "$source/daemon.sh" "$home/lib/double/"

# Quotes a word for sh.
quote() { printf "'%s'" "$(printf '%s' "$1" | sed "s/'/'\\\\''/g")"; }

{
    echo "dir=$(quote "$dir")"
    echo "name=$(quote "$name")"
    echo "port=$(quote "$port")"
    echo "shared=$(quote "$shared")"
    echo "kind=$(quote "$kind")"
    echo "stream=$(quote "$stream")"
} >"$dir/double/node.conf"

# Each product command is a stub that hands over to one of the double's scripts, with its own name.
stub() {
    printf '#!/bin/sh\nexec sh %s %s "$@"\n' "$(quote "$dir/double/$2")" "$(basename "$1")" >"$1"
    chmod 755 "$1"
}
stub "$axway/display.sh" display.sh
case $kind in
    edge) behind="db socks" ;;
    core) behind=tm ;;
    *) behind="db tm" ;;
esac
for service in $behind admin monitord ftpd httpd as2d sshd pesitd; do
    for verb in start stop status; do
        stub "$home/bin/${verb}_$service" command.sh
    done
done
for command in start_all stop_all; do
    stub "$home/bin/$command" command.sh
done
for disabled in as2d pesitd; do
    mv "$home/bin/start_$disabled" "$home/bin/start_$disabled.disable"
done
# Not handed over by exec: the process table must show update.sh while it works.
printf '#!/bin/sh\nsh %s "$@"\nexit $?\n' "$(quote "$dir/double/update.sh")" >"$axway/update.sh"
chmod 755 "$axway/update.sh"

echo "$level" >"$axway/Configuration/SecureTransport.level"
echo "V4.6.0 SP1" >"$axway/Configuration/Axway_Installer.level"
echo "$level" >"$home/conf/version.txt"
echo "pretend secret of the cluster" >"$home/bin/taeh"
for member in "$@"; do
    printf '%s\thttps://%s:444\n' "$member" "$member"
done >"$home/lib/admin/config/servers"
cat >"$home/tomcat/admin/conf/server.xml" <<XML
<Server port="8005" shutdown="SHUTDOWN">
  <!-- <Connector port="80" protocol="AJP/1.3"/> -->
  <Connector port="$port" protocol="HTTP/1.1" SSLEnabled="true"/>
  <Connector
      port="8009" protocol="AJP/1.3"/>
  <Engine name="Catalina" jvmRoute="ajp8009"/>
</Server>
XML
echo "INFO: Server startup" >"$home/tomcat/admin/logs/catalina.out"
echo "<rules/>" >"$home/brules/conf/brules.xml"

# The last update lies in the past, the last manual sync after it.
echo "SecureTransport has been applied successfully." >"$axway/install.log"
cp "$axway/install.log" "$axway/synInstall/synPatch/update.log"
touch -t 202601010000 "$axway/install.log" "$axway/synInstall/synPatch/update.log"
find "$home/bin" -type f -exec touch -t 202512310000 {} +
if [ "$name" != "${1:-$name}" ]; then
    echo "2026-01-02" >"$home/var/tmp/cluster_last_sync_timestamp"
    touch -t 202601020000 "$home/var/tmp/cluster_last_sync_timestamp"
fi
echo "$home" >"$shared/members/$name"

# Cluster.mode of the node, which a human sets on a page of the Admin Tool (press-mode.sh).
if [ $# -gt 0 ]; then echo active; else echo disabled; fi >"$dir/double/mode"
# The database that the nodes of an Enterprise Cluster share knows its own level.
if [ "$kind" = core ]; then
    mkdir -p "$shared/database"
    echo "$level" >"$shared/database/schema"
fi
