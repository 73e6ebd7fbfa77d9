#!/bin/sh
# Lays out the pretend installation package, the same for every server: make-package.sh DIR VERSION
# It finds its server by where it is: the server's folder is the one above.
set -eu
dir=$1
mkdir -p "$dir"
cat >"$dir/install-server.sh" <<'SCRIPT'
#!/bin/sh
package=$(cd "$(dirname "$0")" && pwd)
# Not handed over by exec: the process table must show install-server.sh while it works.
sh "$package/../double/installer.sh" "$package" "$@"
exit $?
SCRIPT
chmod 755 "$dir/install-server.sh"
echo "$2" >"$dir/version.txt"
cat >"$dir/install.properties" <<'PROPERTIES'
# Answers for a silent installation
nonInteractive=false
install.server.dir=/opt/ucd/server
PROPERTIES
