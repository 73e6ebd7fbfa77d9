#!/bin/sh
# Stands before the real ps in a server's PATH. Several pretend servers live on one machine; this one shows only the
# processes of its own, as on a host of its own: those that name its folder, and installers that work in it.
tool=/bin/ps
if [ ! -x "$tool" ]; then tool=/usr/bin/ps; fi
case " $* " in
    *" -p "*) exec "$tool" "$@" ;;
esac
dir=$(cd "$(dirname "$0")/../.." && pwd)
"$tool" "$@" | DIR="$dir/" awk 'index($0, ENVIRON["DIR"]) || /install-server\.sh/' |
    while read -r pid arguments; do
        case $arguments in
            *"$dir/"*) echo "$pid $arguments" ;;
            *) case "$(readlink "/proc/$pid/cwd")/" in "$dir/"*) echo "$pid $arguments" ;; esac ;;
        esac
    done
