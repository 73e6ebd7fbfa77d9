# shellcheck shell=sh disable=SC2154 # set by the caller
# holdpoint upload v1: what a node is asked about a file that comes to it. Only definitions: nothing runs by being read.
# Set by the caller: hp_nonce, hp_to (where the file goes), hp_part (beside it: what has arrived so far), and as the verb
# wants them hp_file hp_bytes hp_from hp_mode.

hp_say() {
  printf '@%s %s\n' "$hp_nonce" "$*"
}

# hp_refuse WORD TEXT: the text as one line.
hp_refuse() {
  hp_word=$1
  shift
  hp_say "error=$hp_word $(printf '%s' "$*" | tr '\n' ' ')"
}

# hp_list FILE: sets hp_owner and hp_size, without reading the file. Follows links.
hp_list() {
  hp_owner='' hp_size=''
  hp_ls=$(ls -ldnL "$1" 2>/dev/null) || return 1
  # shellcheck disable=SC2086 # to be split
  set -- $hp_ls
  hp_owner=$3 hp_size=$5
}

hp_look() {
  hp_dir=${hp_to%/*}
  [ -n "$hp_dir" ] || hp_dir=/
  if [ ! -d "$hp_dir" ]; then
    hp_refuse place "there is no folder $hp_dir"
  elif [ ! -w "$hp_dir" ]; then
    hp_refuse place "$hp_dir cannot be written by user number $(id -u)"
  elif [ -d "$hp_to" ]; then
    hp_refuse place "$hp_to is a folder"
  elif ! hp_is_ours; then
    hp_refuse place "$hp_part is a link or belongs to somebody else"
  else
    hp_list "$hp_part"
    hp_arrived=$hp_size
    hp_list "$hp_to"
    # POSIX: with -P one line for each file system, its fourth word the free blocks of 1024 bytes.
    hp_free=$(df -Pk "$hp_dir" | {
      read -r _
      read -r _ _ _ free _
      printf '%s' "$free"
    })
    hp_say "there=$hp_size part=$hp_arrived free=$hp_free"
  fi
}

# In a folder that others can write somebody may have put something under the name.
hp_is_ours() {
  [ ! -L "$hp_part" ] || return 1
  hp_list "$hp_part" || return 0
  [ -f "$hp_part" ] && [ "$hp_owner" = "$(id -u)" ]
}

# SHA-256 of standard input; prints nothing where nothing can compute it.
hp_digest() {
  # It is several times faster than the others where the processor has instructions for it.
  if command -v openssl >/dev/null; then
    openssl dgst -sha256 -r
  elif command -v sha256sum >/dev/null; then
    sha256sum
  elif command -v busybox >/dev/null; then
    busybox sha256sum
  fi
}

# Of the whole of hp_file, or of its first hp_bytes, a multiple of 65536.
hp_sum() {
  if [ -z "$hp_bytes" ]; then
    hp_sum=$(hp_digest <"$hp_file" 2>/dev/null)
  else
    hp_sum=$(dd if="$hp_file" bs=65536 count="$((hp_bytes / 65536))" 2>/dev/null | hp_digest 2>/dev/null)
  fi
  hp_say "sum=${hp_sum%% *}"
}

# 4 MiB of hp_file from hp_from on, for a node that cannot compute a checksum.
hp_piece() {
  hp_say data
  dd if="$hp_file" bs=65536 skip="$((hp_from / 65536))" count=64 2>/dev/null
}

# Takes standard input from byte hp_from on. Whoever comes late, after another connection went on, writes the same bytes to
# the same place.
hp_receive() {
  # Not with ":", whose failed redirection would end a strict shell.
  if [ "$hp_from" -eq 0 ] && ! true >"$hp_part"; then
    hp_refuse write "cannot write to $hp_part"
    return
  fi
  hp_say ready
  if hp_said=$(dd of="$hp_part" bs=65536 seek="$((hp_from / 65536))" conv=notrunc 2>&1); then
    hp_say received=1
  else
    hp_refuse write "$hp_said"
  fi
}

# Everything is there and compared: it gets its mode, then its name, in one go.
hp_finish() {
  if [ -n "$hp_mode" ] && ! hp_said=$(chmod "$hp_mode" "$hp_part" 2>&1); then
    hp_refuse write "$hp_said"
    return
  fi
  sync "$hp_part" 2>/dev/null || sync
  if hp_said=$(mv -f "$hp_part" "$hp_to" 2>&1); then
    sync "${hp_to%/*}/" 2>/dev/null || sync
    hp_say finished=1
  else
    hp_refuse write "$hp_said"
  fi
}

hp_set_mode() {
  if hp_said=$(chmod "$hp_mode" "$hp_to" 2>&1); then
    hp_say finished=1
  else
    hp_refuse write "$hp_said"
  fi
}

hp_remove() {
  rm -f "$hp_part"
  hp_say finished=1
}

# hp_main VERB. It leaves at once: what may still come on standard input is no script.
hp_main() {
  hp_say begin
  "hp_$1"
  printf '\n@%s end\n' "$hp_nonce"
  exit 0
}
