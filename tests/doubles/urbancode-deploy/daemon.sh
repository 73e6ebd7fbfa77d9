#!/bin/sh
# The pretend server: a process whose command line shows the install path, a pid file, two listening ports and a
# connection to the database. It ends on TERM, when its pid file names another, and in any case after half an hour.
dir=$1
. "$dir/double/node.conf"
home=$dir/ucd
file=$home/var/server.pid
# Listed for the harness, which ends what is left by pid.
echo "$$" >>"$dir/double/pids"
listener=
nap=
leave() {
    if [ -n "$listener" ]; then kill "$listener" 2>/dev/null; fi
    if [ -n "$nap" ]; then kill "$nap" 2>/dev/null; fi
    exit 0
}
if [ -e "$dir/behave/stop.stubborn" ]; then trap '' TERM; else trap leave TERM; fi
trap leave INT HUP
echo "$$" >"$file"
echo "server started" >>"$home/var/log/deployserver.out"
perl "$home/opt/double/web.pl" "$dir" "$web" "$agents" "$database" "$shared/activity" &
listener=$!
echo "$listener" >>"$dir/double/pids"
rounds=0
while [ "$rounds" -lt 900 ] && kill -0 "$listener" 2>/dev/null; do
    sleep 2 &
    nap=$!
    wait "$nap"
    rounds=$((rounds + 1))
done
leave
