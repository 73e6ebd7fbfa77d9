# shellcheck shell=sh disable=SC2154 # variables cross the files
# holdpoint job v1: a human who types into the payload. Read after asking.sh. Only definitions.
# Set by the caller: hp_do (take, type, settle or back), hp_act, and for keys hp_before and the function hp_keys, which prints
# them.

# The mark hand.ACT.WORD.TYPED.UNSURE says who may write: ACT is the last act at the wheel; WORD is "free" (answers are
# written), "held" (keys are) or "typing" (somebody writes them just now); the keys of the acts up to TYPED were written, of
# those after it up to UNSURE nobody knows. Every act renames it: of several that try one wins, and a late one finds it gone.
hp_wheel() {
  hp_look || return
  hp_until 50 starting
  case $hp_state in
    running | orphaned) ;;
    *)
      hp_refuse ended "the job is $hp_state"
      return
      ;;
  esac
  hp_read_hand
  if [ -z "$hp_hand" ]; then
    hp_refuse tools "the job reads nothing, or an older holdpoint started it: it can be answered line by line at most"
    return
  fi
  "hp_wheel_$hp_do" || return
  hp_tell
}

hp_wheel_take() {
  hp_pass_on held
}

# Once: whoever cannot make the mark its own writes nothing.
hp_wheel_type() {
  if [ "$hp_done" -ge "$hp_act" ]; then
    hp_await_typing
    return 0
  fi
  if [ "$hp_done" -ne "$hp_before" ] || [ "$hp_word" != held ]; then
    hp_refuse wheel "it is at $hp_hand, not at $hp_before"
    return 1
  fi
  hp_can_hide || return 1
  hp_pass typing "$hp_before" "$hp_act" || {
    hp_refuse wheel "somebody else was faster"
    return 1
  }
  # Opened for both it never waits for a reader; so few bytes are written at once or not at all.
  if ! hp_keys 1<>"$hp_dir/in"; then
    hp_pass held "$hp_before" "$hp_before"
    hp_refuse write "cannot write to $hp_dir/in"
    return 1
  fi
  hp_pass held "$hp_act" "$hp_act"
}

# From here on no keys of an act up to hp_act are ever written, and the answer says which were.
hp_wheel_settle() {
  hp_await_typing
  if [ "$hp_word" = typing ]; then
    hp_settled=$hp_act
    hp_act=$hp_done
    hp_pass held "$hp_typed" "$hp_unsure"
    hp_act=$hp_settled
    hp_read_hand
  fi
  hp_pass_on "$hp_word"
}

# What was printed until now was for the human; the place is kept before the mark says that answers are written again.
hp_wheel_back() {
  [ "$hp_done" -lt "$hp_act" ] || return 0
  hp_measure
  mkdir "$hp_dir/handed.$hp_size" 2>/dev/null
  if [ ! -d "$hp_dir/handed.$hp_size" ]; then
    hp_refuse write "cannot write to $hp_dir; is the disk full?"
    return 1
  fi
  hp_pass_on free
}

# hp_pass_on WORD: the mark becomes that of act hp_act, unless it is already, or a later one's.
hp_pass_on() {
  hp_tries=0
  while [ "$hp_done" -lt "$hp_act" ]; do
    hp_await_typing
    hp_pass "$1" "$hp_typed" "$hp_unsure" && return 0
    hp_tries=$((hp_tries + 1))
    if [ "$hp_tries" -ge 20 ]; then
      hp_refuse write "cannot rename in $hp_dir"
      return 1
    fi
    hp_read_hand
  done
}

# hp_pass WORD TYPED UNSURE
hp_pass() {
  hp_next=$hp_act.$1.$2.$3
  mv "$hp_dir/hand.$hp_hand" "$hp_dir/hand.$hp_next" 2>/dev/null || return 1
  hp_hand=$hp_next
  hp_split_hand
}

# Another connection writes keys just now, or was cut down while at it.
hp_await_typing() {
  hp_napped=0
  while [ "$hp_word" = typing ] && [ "$hp_napped" -lt 30 ]; do
    hp_nap
    hp_read_hand
  done
}
