#!/bin/sh
# The double's installer: installer.sh PACKAGE [-fips]. It asks what the real one asks and reads each answer from its
# standard input; with nonInteractive=true in install.properties it asks nothing.
#
# It misbehaves as the files in behave/ say:
#   installer.terminal      refuses unless its standard input is a terminal
#   installer.pager         shows the licence page by page
#   installer.lb            thinks that a server answers: one more question
#   installer.secure        asks one question that nobody expects
#   installer.database      asks whether to upgrade the database
#   installer.old-words     says that the server runs, as older releases do
#   installer.slow          works so many seconds          installer.hang     works until that file is gone (or half an hour)
#   installer.fail          ends with Install Failed before it touches the database
#   installer.migration     ends with Install Failed in the middle of the migration
#   installer.lie           says that it is complete, ends with 0, changes nothing
#   installer.owner         leaves files that belong to nobody (as root only)
#   installer.migrates      finds database upgrades although there are none
package=$1
shift
. "$(dirname "$0")/node.conf"
log=$package/install.log
echo "$*" >>"$dir/counts/installer"
echo "$name install" >>"$shared/story"

behaves() { [ -e "$dir/behave/$1" ]; }
say() {
    echo "$*"
    echo "$*" >>"$log"
}
property() { sed -n "s/^$1=//p" "$2" | tail -n 1 | tr -d '\\\r'; }
interactive=yes
if [ "$(property nonInteractive "$package/install.properties")" = true ]; then interactive=no; fi

# Asks; the answer is in $answer. The line stays open, as a prompt does.
ask() {
    answer=$2
    if [ "$interactive" = no ]; then return 0; fi
    printf '%s ' "$1"
    echo "$1" >>"$log"
    if ! read -r answer; then
        say ""
        say "no answer: end of input"
        finish 1
    fi
    echo "$1 => $answer" >>"$dir/counts/answers"
    if [ -z "$answer" ]; then answer=$2; fi
}
session=
finish() {
    if [ -n "$session" ]; then kill "$session" 2>/dev/null; fi
    if [ -d "${home:-}/var" ]; then
        mkdir -p "$home/var/install-log"
        cp "$log" "$home/var/install-log/install-20261121-220000.log"
    fi
    exit "$1"
}
failed() {
    say "java.lang.IllegalStateException: $1"
    say "    at com.urbancode.installer.Steps.run(Steps.java:99)"
    ask "Install Failed. (press return to exit installer)" ""
    if [ "$interactive" = no ]; then say "Install Failed."; fi
    finish 1
}

if behaves installer.terminal && ! [ -t 0 ]; then
    echo "this installer wants a terminal" >&2
    exit 1
fi
say "JVM Version detected: 11.0.20"
say "JAVA_HOME: ${JAVA_HOME:-}"
version=$(cat "$package/version.txt")
if behaves installer.pager && [ "$interactive" = yes ]; then
    say "LICENSE AGREEMENT, page 1"
    ask "Press Enter for the next page; F shows all" ""
    while [ "$answer" != F ]; do
        say "and so on"
        ask "Press Enter for the next page; F shows all" ""
    done
    say "the rest of the licence"
fi
ask "Do you accept the license? [y,n]" y
if [ "$answer" != y ]; then
    say "The license was not accepted."
    finish 1
fi
ask "Enter the directory where the HCL UrbanCode Deploy server should be installed. [Default: /opt/ucd/server]" "$(property install.server.dir "$package/install.properties")"
home=$answer
if [ ! -e "$home/conf/installed.version" ]; then
    mkdir -p "$home/conf"
    echo "installed.version=$version" >"$home/conf/installed.version"
    say "Installing a new server in $home"
    say "Installer Complete."
    finish 0
fi
if [ -e "$home/var/server.pid" ]; then
    if behaves installer.old-words; then
        say "A previously installed version of HCL UrbanCode Deploy is running. Please shutdown the running HCL UrbanCode Deploy and start the installation again."
    else
        say "Found pid file at <$home/var/server.pid>. Ensure the HCL UrbanCode Deploy server is shutdown, the file is removed, then start the installation again."
    fi
    finish 1
fi
if behaves installer.lb; then
    ask "A connection can be made to configured server host and port. Make sure that the server is shut down. (press enter to continue)" ""
fi
old=$(property installed.version "$home/conf/installed.version")
ask "A previous version ($old) exists in the specified directory. Do you want to upgrade the currently installed version? Y,n [Default Y]" y
case $answer in
    y | Y) ;;
    *)
        say "Upgrade aborted."
        finish 1
        ;;
esac
properties=$home/conf/server/installed.properties
data=$(property server.appdata.dir "$properties")
if [ "$data" = .. ]; then
    ask "Where should the server store application data such as logs, plugins, and keystores? [Default: $home/appdata]" "$(property server.appdata.dir "$package/install.properties")"
    data=$answer
    echo "server.appdata.dir=$data" >>"$properties"
fi
stamp=$(property installed.version "$data/conf/installed.version")
if [ -n "$stamp" ] && [ "$stamp" != "$old" ] && [ "$stamp" != "$version" ]; then
    say "Version mismatch between existing node ($stamp) and installation ($version). The upgrade is canceled."
    finish 1
fi
if behaves installer.secure; then
    ask "Do you want the server to always use secure connections using SSL? Y,n [Default Y]" y
fi
ask "Upgrading while processes are running is not supported, and server upgrades cannot be rolled back. (press enter to continue)" ""
if [ -z "$(property agentcomm.uri "$properties")" ]; then
    offered=$(property agentcomm.uri "$package/install.properties")
    if [ "$interactive" = no ] && [ -z "$offered" ]; then
        say "Please provide a property for 'agentcomm.uri'"
        finish 1
    fi
    ask "Enter the URL that web agents connect to. [Default: wss://$name:7919]:" "${offered:-wss://$name:7919}"
    echo "agentcomm.uri=$answer" >>"$properties"
fi
say "Found sub-installer server"
say "Installing UCD version $version"
if [ "${1:-}" = -fips ]; then say "Installing the FIPS providers"; fi
perl "$dir/double/session.pl" "$database" 1800 >/dev/null 2>&1 </dev/null &
session=$!
echo "$session" >>"$dir/double/pids"
if behaves installer.slow; then sleep "$(cat "$dir/behave/installer.slow")"; fi
waited=0
while behaves installer.hang && [ "$waited" -lt 1800 ]; do
    sleep 1
    waited=$((waited + 1))
done
if behaves installer.fail; then failed "told to fail"; fi
if behaves installer.lie; then
    ask "Installer Complete. (press return to exit installer)" ""
    finish 0
fi
if [ "$(cat "$shared/database")" != "$version" ] || behaves installer.migrates; then
    if behaves installer.database; then
        ask "Do you want to upgrade the database? Y,n [Default n]" n
        case $answer in
            y | Y) ;;
            *)
                say "Upgrade aborted."
                finish 1
                ;;
        esac
    fi
    say "Found database upgrades, cancelling currently running processes"
    others=
    for session_file in "$shared/sessions"/*; do
        if [ -e "$session_file" ]; then others="$others $(basename "$session_file")"; fi
    done
    echo "half way to $version" >"$shared/database"
    say "Upgrading UCD Database Schema..."
    if [ -n "$others" ]; then failed "the database is in use by:$others"; fi
    if behaves installer.migration; then failed "told to fail in the middle of the migration"; fi
    echo "$version" >"$shared/database"
    say "Seeding new UCD Version Stamp $version"
else
    say "No database upgrades found, leaving processes running"
fi
rm -f "$home/lib"/*.jar
echo "new classes" >"$home/lib/ucd-$version.jar"
rm -rf "$home/opt/tomcat"
mkdir -p "$home/opt/tomcat/conf"
for jar in "$data/patches"/*.jar; do
    if [ -e "$jar" ]; then mv "$jar" "$jar.off"; fi
done
echo "installed.version=$version" >"$home/conf/installed.version"
echo "installed.version=$version" >"$data/conf/installed.version"
if behaves installer.owner; then chown -R 65534 "$home/conf" "$home/lib"; fi
say "After starting the server, you may access the web UI by pointing your web-browser at https://$name.example.net:8443"
ask "Installer Complete. (press return to exit installer)" ""
if [ "$interactive" = no ]; then say "Installer Complete."; fi
finish 0
