#!/bin/sh
# The SMC installer of the double: setup.sh VERSION. The upgrade of an Active excludes all Standbys.
# It misbehaves as the files in behave/ say:
#   upgrade.fail        ends with 1 and changes nothing      upgrade.lie    ends with 0 and changes nothing
#   upgrade.keep-subs   the automatic exclusion does not happen
here=$(cd "$(dirname "$0")" && pwd)
. "$here/common.sh"
counted setup "$1"
if running "$dir"; then
    echo "The Management Server is running. Stop it first." >&2
    exit 1
fi
if behaves upgrade.fail; then
    echo "Upgrade failed: cannot upgrade the database" >&2
    exit 1
fi
if behaves upgrade.lie; then exit 0; fi
echo "$1" >"$state/installed"
if [ "$(cat "$state/mode")" = active ] && ! behaves upgrade.keep-subs; then rm -f "$state"/subs/*; fi
echo "$name" >>"$shared/upgrade-order"
echo "Installation complete"
