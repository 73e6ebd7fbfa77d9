#!/bin/sh
# The init script as the service command reaches it: service NAME start | stop
dir=$(cd "$(dirname "$0")/../.." && pwd)
echo "$*" >>"$dir/counts/service"
exec "$dir/ucd/bin/server" "$2"
