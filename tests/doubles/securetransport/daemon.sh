#!/bin/sh
# One pretend service: a process whose command line shows the install path, a pid file, and for the Admin Tool and the
# proxy a listening port. It ends on TERM, when its pid file is gone or names another, and in any case after half an hour.
service=$1
dir=$2
port=$3
case $service in
    admin) file=$dir/axway/SecureTransport/var/run/admin/tomcat.pid ;;
    *) file=$dir/axway/SecureTransport/var/run/$service.pid ;;
esac
# Listed for the harness, which ends what is left by pid.
echo "$$" >>"$dir/double/pids"
listener=
nap=
leave() {
    if [ -n "$listener" ]; then kill "$listener" 2>/dev/null; fi
    if [ -n "$nap" ]; then kill "$nap" 2>/dev/null; fi
    exit 0
}
trap leave TERM INT HUP
echo "$$" >"$file"
if [ "$port" -gt 0 ] && command -v perl >/dev/null 2>&1; then
    perl -MSocket -e '
        alarm 1800;
        socket(my $s, PF_INET, SOCK_STREAM, 0) or die;
        setsockopt($s, SOL_SOCKET, SO_REUSEADDR, 1);
        bind($s, sockaddr_in($ARGV[0], inet_aton("127.0.0.1"))) or die;
        listen($s, 16) or die;
        open(my $ready, ">", $ARGV[1]);
        close($ready);
        while (accept(my $c, $s)) { close($c) }
    ' "$port" "$file.ready" &
    listener=$!
    echo "$listener" >>"$dir/double/pids"
else
    : >"$file.ready"
fi
rounds=0
while [ "$rounds" -lt 900 ] && [ "$(cat "$file" 2>/dev/null)" = "$$" ]; do
    sleep 2 &
    nap=$!
    wait "$nap"
    rounds=$((rounds + 1))
done
leave
