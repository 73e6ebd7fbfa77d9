#!/bin/sh
# Ends what is left of one node's pretend server, by the pids that it wrote down: end-all.sh DIR
# A pid counts only while its command line still shows this folder, so a number that was given anew is left alone.
dir=$1
rm -f "$dir/behave/init.stuck" "$dir/behave/come-back"
if [ ! -e "$dir/double/pids" ]; then exit 0; fi
while read -r pid; do
    if ps -p "$pid" -o args= 2>/dev/null | DIR="$dir/" awk 'index($0, ENVIRON["DIR"]) { found = 1 } END { exit !found }'; then
        kill "$pid" 2>/dev/null
    fi
done <"$dir/double/pids"
exit 0
