#!/bin/sh
# The double's display.sh: display.sh display.sh -n PRODUCT. Shows the level that the last update left.
. "$(dirname "$0")/node.conf"
shift
echo "$*" >>"$dir/counts/display"
levels=$dir/axway/Configuration
show() {
    if [ -e "$levels/$1.level" ]; then echo "$1 $(cat "$levels/$1.level")"; fi
}
if [ "${1:-}" = -n ]; then
    show "$2"
else
    show Axway_Installer
    show SecureTransport
fi
