#!/bin/sh
# One request to the SMC API of the Active, as an operator's own wrapper sends it: smc-api PATH [server_name=NAME]
#   behave/api.disabled   the API of this server is not enabled
# An offline Standby is not excluded: SMC-65140.
here=$(cd "$(dirname "$0")" && pwd)
. "$here/common.sh"
counted smc-api "$*"
if behaves api.disabled; then
    echo "connect to 127.0.0.1 port 8082 failed: Connection refused" >&2
    exit 7
fi
active=
standby=
for file in "$shared"/servers/*; do
    folder=$(cat "$file")
    if [ "$(cat "$folder/state/mode")" = active ] && running "$folder"; then active=$folder; fi
    if [ "$(. "$folder/double/node.conf" && echo "$name")" = "${2#server_name=}" ]; then standby=$folder; fi
done
if [ -z "$active" ]; then
    echo '{"message": "You must use the active Management Server to request this action.", "status": 0}'
    exit 0
fi
case $1 in
    /ha) echo "{\"active_server\": \"http://127.0.0.1:8082/7.3/elements/mgt_server/$(. "$active/double/node.conf" && echo "$key")\"}" ;;
    /ha/exclude)
        if ! running "$standby"; then
            echo '{"message": "Exclusion from replication failed: Management Server is offline.", "status": 0}'
            exit 0
        fi
        sh "$here/press-exclude.sh" "$active" "$standby" >/dev/null
        echo "{\"value\": \"Exclusion from replication of Management Server ${2#server_name=}@127.0.0.1 requested.\"}"
        ;;
    /ha/full_replication)
        echo "{\"value\": \"Replication of Management Server ${2#server_name=}@127.0.0.1 requested.\"}"
        (sh "$here/press-init.sh" "$active" "$standby") >/dev/null 2>&1 </dev/null &
        ;;
    *) exit 64 ;;
esac
