#!/bin/sh
# Stands before the real ps in a node's PATH. Several pretend nodes live on one machine; this one shows only the processes
# that name its folder, as on a host of its own.
tool=/bin/ps
if [ ! -x "$tool" ]; then tool=/usr/bin/ps; fi
dir=$(cd "$(dirname "$0")/../.." && pwd)
"$tool" "$@" | DIR="$dir/" awk 'index($0, ENVIRON["DIR"])'
