# shellcheck shell=sh disable=SC2034,SC2154 # variables cross the files
# holdpoint job v1: jobs that ask while they run. Read after library.sh, before verbs.sh. Only definitions.
# Set by the caller: hp_kind ("asks" or "terminal"); for an answer hp_at, hp_turn and the function hp_line, which prints it.

# Only a built-in printf keeps a text out of the process list.
hp_can_hide() {
  case $(command -v printf) in
    /*)
      hp_refuse tools "printf is not built into this sh, so secrets would show in the process list"
      return 1
      ;;
  esac
}

# What a job that asks needs, found out before anything runs.
hp_equip() {
  [ -n "$hp_kind" ] || return 0
  hp_need mkfifo "a program that asks is answered through what it makes" || return 1
  if [ ! -p "$hp_dir/in" ] && ! mkfifo "$hp_dir/in" 2>/dev/null && [ ! -p "$hp_dir/in" ]; then
    hp_refuse write "cannot make a fifo in $hp_dir"
    return 1
  fi
  hp_read_hand
  [ -n "$hp_hand" ] || : >"$hp_dir/hand.0.free.0.0" || {
    hp_refuse write "cannot write to $hp_dir; is the disk full?"
    return 1
  }
  [ "$hp_kind" != terminal ] || hp_try_terminal
}

# The mark that says who may write into the payload's input (see wheel.sh); empty in jobs that have none. It may be renamed
# between two looks.
hp_read_hand() {
  hp_hand='' hp_done='' hp_word='' hp_typed='' hp_unsure='' hp_looks=0
  while [ -z "$hp_hand" ] && [ "$hp_looks" -lt 5 ]; do
    hp_looks=$((hp_looks + 1))
    for hp_mark in "$hp_dir"/hand.*; do
      [ ! -f "$hp_mark" ] || hp_hand=${hp_mark##*/hand.}
    done
  done
  [ -z "$hp_hand" ] || hp_split_hand
}

hp_split_hand() {
  hp_done=${hp_hand%%.*}
  hp_rest=${hp_hand#*.}
  hp_word=${hp_rest%%.*}
  hp_rest=${hp_rest#*.}
  hp_typed=${hp_rest%%.*}
  hp_unsure=${hp_rest#*.}
}

# hp_need TOOL WHY
hp_need() {
  command -v "$1" >/dev/null || {
    hp_refuse tools "$1 is not installed; $2"
    return 1
  }
}

# A terminal as the job would get it. Its input stays open: an old script(1) leaves at the end of its input.
hp_try_terminal() {
  hp_need script "the program wants a terminal, which comes from there (util-linux or busybox)" || return 1
  hp_need stty "the program wants a terminal, whose echo it turns off" || return 1
  mkfifo "$hp_dir/try.$$" || {
    hp_refuse write "cannot make a fifo in $hp_dir"
    return 1
  }
  hp_tried=$(SHELL=$(command -v sh) script -q -f -c 'stty -echo rows 40 cols 120 && echo it-works' /dev/null \
    0<>"$hp_dir/try.$$" 2>&1)
  rm -f "$hp_dir/try.$$"
  case $hp_tried in
    *it-works*) ;;
    *)
      hp_refuse tools "the program wants a terminal, and none can be had:" "$(printf %s "$hp_tried" | tr -c '[:print:]' ' ')"
      return 1
      ;;
  esac
}

# Writes a line into the payload's input, once for each place in its output where it asked.
hp_answer() {
  hp_look || return
  hp_until 50 starting
  case $hp_state in
    running | orphaned) ;;
    *)
      hp_refuse ended "the job is $hp_state"
      return
      ;;
  esac
  hp_can_hide || return
  [ -d "$hp_dir/answered.$hp_at" ] || hp_answer_once || return
  hp_tell
}

# hp_at is what was printed when the question was shown. More since then is another question, or none. So it is when a human
# types, or has typed since.
hp_answer_once() {
  hp_read_hand
  case $hp_word in
    '' | free) ;;
    *)
      hp_refuse moved-on "a human types there now"
      return 1
      ;;
  esac
  if [ -n "$hp_hand" ] && [ "$hp_done" != "${hp_turn:-$hp_done}" ]; then
    hp_refuse moved-on "a human has typed there meanwhile"
    return 1
  fi
  hp_measure
  if [ "$hp_size" -ne "$hp_at" ]; then
    hp_refuse moved-on "it has printed $hp_size bytes meanwhile, not $hp_at"
    return 1
  fi
  if mkdir "$hp_dir/answering.$hp_at" 2>/dev/null; then
    hp_write_answer
  else
    hp_await_answer
  fi
}

# We alone hold the mark. Whoever held it before has left "answered" behind, if anything was written.
hp_write_answer() {
  if [ -d "$hp_dir/answered.$hp_at" ]; then
    rmdir "$hp_dir/answering.$hp_at"
    return 0
  fi
  # Opened for both it never waits for a reader; so short a line is written at once or not at all.
  if ! hp_line 1<>"$hp_dir/in"; then
    rmdir "$hp_dir/answering.$hp_at"
    hp_refuse write "cannot write to $hp_dir/in"
    return 1
  fi
  mv "$hp_dir/answering.$hp_at" "$hp_dir/answered.$hp_at"
}

# Another connection is at it, or was cut down while at it.
hp_await_answer() {
  if [ ! -d "$hp_dir/answering.$hp_at" ] && [ ! -d "$hp_dir/answered.$hp_at" ]; then
    hp_refuse write "cannot write to $hp_dir; is the disk full?"
    return 1
  fi
  hp_napped=0
  while [ ! -d "$hp_dir/answered.$hp_at" ]; do
    if [ "$hp_napped" -ge 30 ]; then
      hp_refuse half-answered "nobody recorded whether the answer at $hp_at was written"
      return 1
    fi
    hp_nap
  done
}
