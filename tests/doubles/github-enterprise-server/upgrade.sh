#!/bin/sh
# The double's ghe-upgrade and ghe-cluster-hotpatch. A pretend package holds two lines: its version, and its signature
# (good, bad).
#
# It misbehaves as the files in behave/ say:
#   upgrade.bad-signature   the node does not know the key      upgrade.low-disk   the preflight stops
#   upgrade.warns           a warning and a question before     upgrade.asks       a question that nobody knows
#   upgrade.lie             says that all is well, does nothing, does not reboot
#   no-verify               the release has no --verify
#   hotpatch.fail           the hotpatch fails on this node     hotpatch.reboot    and its packages need a reboot
#   old-partition, never-back   read by whoever plays the reboot
. "$(dirname "$0")/node.conf"
. "$(dirname "$0")/lib.sh"
command=$1
shift
count "$command" "$*"

signature() {
    echo "*** verifying upgrade package signature..." >&2
    echo " 497MB 0:00:04 [ 117MB/s] [==========================================>] 100%" >&2
    if behaves upgrade.bad-signature || [ "$(sed -n 2p "$1")" != good ]; then
        echo "gpg: BAD signature from \"GitHub Enterprise (Upgrade Package Key) <enterprise@github.com>\"" >&2
        echo "Error: The file provided is not a valid GitHub Enterprise Server package." >&2
        return 1
    fi
    echo "gpg: Signature made Tue 09 Sep 2025 02:33:50 PM UTC using RSA key ID 0D65D57A" >&2
    echo "gpg: Good signature from \"GitHub Enterprise (Upgrade Package Key) <enterprise@github.com>\"" >&2
}

# Asks, without a newline, as the real one does; anything but y is No.
asks() {
    printf '%s ' "$1"
    read -r answer || answer=
    case $answer in
        y | Y | yes) return 0 ;;
    esac
    echo "Aborted."
    return 1
}

upgrade() {
    yes=no
    rollback=no
    file=
    while [ "$#" -gt 0 ]; do
        case $1 in
            --help)
                echo "usage: ghe-upgrade [-y] [--allow-patch-rollback] FILE"
                if ! behaves no-verify; then echo "       ghe-upgrade --verify FILE"; fi
                return 0
                ;;
            --verify)
                signature "$2"
                return
                ;;
            -y) yes=yes ;;
            --allow-patch-rollback) rollback=yes ;;
            *) file=$1 ;;
        esac
        shift
    done
    count "upgrade-installs" "$file"
    signature "$file" || return 1
    version=$(sed -n 1p "$file")
    if behaves upgrade.low-disk; then
        echo "Error: the root partition needs 8 GB of free space, 2 GB are available" >&2
        return 1
    fi
    if [ "$rollback" = no ] && [ "$(printf '%s\n%s\n' "$version" "$(cat "$dir/state/version")" | sort -V | sed -n 1p)" = "$version" ]; then
        echo "Error: $version is not newer than the installed version" >&2
        return 1
    fi
    echo "*** applying update..."
    if behaves upgrade.warns && [ "$yes" = no ]; then
        echo "Warning: 3 records cannot be decrypted with the present key."
        asks "Do you want to continue? [y/N]" || return 1
    fi
    if behaves upgrade.asks && [ "$yes" = no ]; then
        asks "Type y to keep the old firewall rules:" || return 1
    fi
    echo "This package will upgrade your installation to version $version"
    echo "Current root partition: $(cat "$dir/state/partition") [$(cat "$dir/state/version")]"
    if [ "$(cat "$dir/state/partition")" = /dev/xvda1 ]; then other=/dev/xvda2; else other=/dev/xvda1; fi
    echo "Target root partition:  $other"
    if [ "$yes" = no ]; then asks "Proceed with installation? [y/N]" || return 1; fi
    if behaves upgrade.lie; then return 0; fi
    echo "$version" >"$dir/state/next-version"
    echo "$other" >"$dir/state/next-partition"
    echo "The node will restart now."
    : >"$dir/state/reboot"
}

hotpatch() {
    what=$1
    case $what in
        https://*) what=$shared/download/${what##*/} ;;
    esac
    if [ ! -r "$what" ]; then
        echo "hotpatch not found: $1" >&2
        return 1
    fi
    version=$(sed -n 1p "$what")
    worst=0
    for member in $(members); do
        there=$(home_of "$member")
        if [ -e "$there/behave/hotpatch.fail" ]; then
            echo "$member: Error: not enough free space on the root partition" >&2
            worst=1
            continue
        fi
        echo "$member: applying hotpatch $version"
        echo "$version" >"$there/state/version"
        echo "RELEASE_VERSION=$version" >"$there/etc/enterprise-release"
        start_config_run "$there" 1
        if [ -e "$there/behave/hotpatch.reboot" ]; then
            : >"$there/etc/reboot-required"
            echo "$member: a reboot is needed to complete the update: linux-image"
        fi
    done
    return "$worst"
}

case $command in
    ghe-upgrade) upgrade "$@" ;;
    ghe-cluster-hotpatch) hotpatch "$1" ;;
    *)
        echo "$command: unknown" >&2
        exit 64
        ;;
esac
