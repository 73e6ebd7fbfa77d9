#!/bin/sh
# Plays the human who sets Cluster.mode on the page Server Configuration of one node: press-mode.sh DIR MODE
# As in the product the page needs the Admin Tool.
set -eu
dir=$1
mode=$2
pid=$(cat "$dir/axway/SecureTransport/var/run/admin/tomcat.pid" 2>/dev/null) || pid=
case $(ps -p "${pid:-0}" -o args= 2>/dev/null) in
    '' | *'<defunct>'*)
        echo "$dir: no Admin Tool answers" >&2
        exit 1
        ;;
esac
echo "$mode" >>"$dir/counts/mode"
echo "$mode" >"$dir/double/mode"
