#!/bin/sh
# Lays out a pretend UrbanCode Deploy server below one folder.
#
#   make-node.sh DIR NAME VERSION WEB AGENTS DATABASE SHARED
#
#   DIR       everything of this server: ucd/ (the pretend server_install), package/, java/, counts/, behave/, double/;
#             with double/bin first in PATH, ps shows this server's processes only, as on a host of its own
#   NAME      its name
#   VERSION   conf/installed.version, such as 7.0.2.1.1040245
#   WEB, AGENTS, DATABASE   ports on 127.0.0.1: of its web UI, of its agents, and of the database (a port of its own
#             for each server, so that the connections of pretend servers on one machine can be told apart; its
#             installed.properties names the port that all real servers would share)
#   SHARED    a folder that all servers share: appdata/ (network storage), database (the version of the schema),
#             activity (what runs, as the REST interface shows it), sessions/ (who is on the database), story (what happened)
#
# Nothing is started. ucd/bin/server start does that. package/ is laid out by make-package.sh.
set -eu

source=$(cd "$(dirname "$0")" && pwd)
dir=$1
name=$2
version=$3
web=$4
agents=$5
database=$6
shared=$7

mkdir -p "$dir/counts" "$dir/behave" "$dir/double/bin" "$dir/java/bin" "$shared/sessions" "$shared/appdata/conf"
dir=$(cd "$dir" && pwd)
shared=$(cd "$shared" && pwd)
home=$dir/ucd
mkdir -p "$home/bin" "$home/conf/server" "$home/lib/ext" "$home/opt/tomcat/conf" "$home/opt/double" "$home/var/log"

cp "$source/ps.sh" "$dir/double/bin/ps"
cp "$source/service.sh" "$dir/double/bin/service"
chmod 755 "$dir/double/bin/ps" "$dir/double/bin/service"
cp "$source/server.sh" "$source/installer.sh" "$source/session.pl" "$dir/double/"
cp "$source/daemon.sh" "$source/web.pl" "$home/opt/double/"

# Quotes a word for sh.
quote() { printf "'%s'" "$(printf '%s' "$1" | sed "s/'/'\\\\''/g")"; }

{
    echo "dir=$(quote "$dir")"
    echo "name=$(quote "$name")"
    echo "web=$(quote "$web")"
    echo "agents=$(quote "$agents")"
    echo "database=$(quote "$database")"
    echo "shared=$(quote "$shared")"
} >"$dir/double/node.conf"

printf '#!/bin/sh\nexec sh %s "$@"\n' "$(quote "$dir/double/server.sh")" >"$home/bin/server"
printf '#!/bin/sh\necho %s >&2\n' "'openjdk version \"11.0.20\" 2023-07-18'" >"$dir/java/bin/java"
chmod 755 "$home/bin/server" "$dir/java/bin/java"

echo "installed.version=$version" >"$home/conf/installed.version"
cat >"$home/conf/server/installed.properties" <<PROPERTIES
com.urbancode.ds.UDeployServer.multiserver=true
database.type=mysql
hibernate.connection.url=jdbc\:mysql\://database.example.net\:3306/ucd
install.java.home=$dir/java
install.server.web.https.port=$web
server.appdata.dir=$shared/appdata
agentcomm.uri=wss\://$name.example.net\:7919
PROPERTIES
echo "pretend driver" >"$home/lib/ext/driver.jar"
echo "old classes" >"$home/lib/ucd-$version.jar"
echo "own keystore" >"$home/opt/tomcat/conf/tomcat.keystore"
echo "server started" >"$home/var/log/deployserver.out"

# The shared part is the same whoever lays it out.
data=$shared/appdata
mkdir -p "$data/var/plugins" "$data/var/repository" "$data/logs" "$data/conf/server/notification-templates" "$data/patches"
echo "pretend keystore" >"$data/conf/encryption.keystore"
echo "installed.version=$version" >"$data/conf/installed.version"
if [ ! -e "$shared/database" ]; then echo "$version" >"$shared/database"; fi
if [ ! -e "$shared/activity" ]; then echo '[]' >"$shared/activity"; fi
