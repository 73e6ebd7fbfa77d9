#!/bin/sh
# The pretend Management Server: a process whose command line shows the installation and MGTSRV, and a listening port.
# It ends on TERM, when state/pid names another, and in any case after half an hour.
dir=$2
port=$3
echo "$$" >>"$dir/double/pids"
listener=
nap=
leave() {
    if [ -n "$listener" ]; then kill "$listener" 2>/dev/null; fi
    if [ -n "$nap" ]; then kill "$nap" 2>/dev/null; fi
    exit 0
}
trap leave TERM INT HUP
echo "$$" >"$dir/state/pid"
perl -MSocket -e '
    alarm 1800;
    socket(my $s, PF_INET, SOCK_STREAM, 0) or die;
    setsockopt($s, SOL_SOCKET, SO_REUSEADDR, 1);
    bind($s, sockaddr_in($ARGV[0], inet_aton("127.0.0.1"))) or die;
    listen($s, 16) or die;
    open(my $ready, ">", $ARGV[1]);
    close($ready);
    while (accept(my $c, $s)) { close($c) }
' "$port" "$dir/state/ready" &
listener=$!
echo "$listener" >>"$dir/double/pids"
rounds=0
while [ "$rounds" -lt 900 ] && [ "$(cat "$dir/state/pid" 2>/dev/null)" = "$$" ]; do
    sleep 2 &
    nap=$!
    wait "$nap"
    rounds=$((rounds + 1))
done
leave
