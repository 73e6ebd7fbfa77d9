#!/bin/sh
# bin/sgBackupMgtSrv.sh -path DIR of the double.
here=$(cd "$(dirname "$0")" && pwd)
. "$here/common.sh"
counted sgBackupMgtSrv "$*"
if [ "${1:-}" != -path ]; then exit 64; fi
echo backup >"$2/sgm_$(date +%Y%m%d_%H%M%S).zip"
