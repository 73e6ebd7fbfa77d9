//! What every node must have before a job of ours may run on it: checks that belong to no procedure. They only look.

use std::collections::BTreeMap;

use crate::model::condition::Condition;
use crate::model::ids::CheckId;
use crate::model::procedure::{Check, CheckKind, Procedure, Severity};
use crate::model::time::Span;

/// The heading that they stand under.
const SECTION: &str = "nodes";

/// Sets hp_base, like the job verbs do. Whoever sends it may put `hp_job_dir=..` before it.
const PLACE: &str = r#"
hp_base=${hp_job_dir-}
if [ -z "$hp_base" ]; then
  case $(id -u) in
    0) hp_base=/var/lib/holdpoint/jobs ;;
    *) hp_base=$HOME/.holdpoint/jobs ;;
  esac
fi
hp_near=$hp_base
while [ ! -e "$hp_near" ] && [ -n "$hp_near" ]; do hp_near=${hp_near%/*}; done
[ -n "$hp_near" ] || hp_near=/
"#;

const TOOLS: &str = r#"
missing=
for tool in mkdir rmdir ln mv rm cat wc dd date ls tr id sync sleep df setsid; do
  command -v "$tool" >/dev/null 2>&1 || missing="$missing $tool"
done
echo "missing=${missing# }"
"#;

const FOLDER: &str = r#"
if [ -e "$hp_base" ] || [ -L "$hp_base" ]; then
  wrong=
  if [ -L "$hp_base" ] || [ ! -d "$hp_base" ]; then
    wrong="$hp_base is not a directory"
  else
    listed=$(ls -ldn "$hp_base")
    case $listed in
      d????-??-*) ;;
      *) wrong="$hp_base can be written by others: ${listed%% *}" ;;
    esac
    set -- $listed
    [ "$3" = "$(id -u)" ] || wrong="$hp_base belongs to user number $3"
  fi
elif [ ! -d "$hp_near" ] || [ ! -w "$hp_near" ]; then
  wrong="$hp_near cannot be written by user number $(id -u)"
fi
echo "wrong=$wrong"
"#;

const SPACE: &str = r#"
df -Pk "$hp_near" | {
  read -r _
  read -r _ all _ free _
  echo "free_kb=$free"
  [ "$all" -gt 0 ] && echo "free_percent=$((free * 100 / all))"
}
"#;

const LOCK: &str = r#"
highest=0
for record in "$hp_base"/_lock.*; do
  number=${record##*_lock.}
  case $number in '' | *[!0-9]* | 0*) continue ;; esac
  [ "$number" -le "$highest" ] || highest=$number
done
kind=free run= since= who=
[ "$highest" -eq 0 ] || read -r _ kind run since who <"$hp_base/_lock.$highest"
echo "lock=$kind"
[ "$kind" = free ] || echo "by=run $run of $who, since $since"
"#;

// The jobs' own scripts find out the same before each start.
const SESSION: &str = r#"
survives=yes
case $(loginctl show-user --property=KillUserProcesses 2>/dev/null) in
  *=yes)
    if ! command -v systemd-run >/dev/null 2>&1; then
      survives=no
    elif [ "$(id -u)" -ne 0 ]; then
      case $(loginctl show-user "$(id -u)" --property=Linger 2>/dev/null) in
        *=yes) ;;
        *) survives=no ;;
      esac
    fi
    ;;
esac
echo "survives=$survives"
"#;

/// Id, title, severity, script, what must hold, advice.
const CHECKS: &[(&str, &str, Severity, &str, &str, &str)] = &[
    (
        "node-tools",
        "The commands that a job needs are installed",
        Severity::Block,
        TOOLS,
        "check.missing == ''",
        "Install what is missing on {node}: POSIX utilities, and setsid (util-linux or busybox).",
    ),
    (
        "node-folder",
        "The jobs' folder can be used",
        Severity::Block,
        FOLDER,
        "check.wrong == ''",
        "On {node}, give the folder to the login alone, mode 0700, or set job_dir in the cluster file.",
    ),
    (
        "node-session",
        "A job outlives the login",
        Severity::Block,
        SESSION,
        "check.survives == 'yes'",
        "systemd on {node} ends a user's processes at logout (KillUserProcesses=yes in logind.conf): let the user linger (loginctl enable-linger), log in as root, or set it to no.",
    ),
    (
        "node-space",
        "64 MiB are free where jobs are kept",
        Severity::Block,
        SPACE,
        "check.free_kb >= 65536",
        "Free space on {node}, or set job_dir to another file system.",
    ),
    (
        "node-space-share",
        "5 % are free where jobs are kept",
        Severity::Warn,
        SPACE,
        "check.free_percent >= 5",
        "Free space on {node}: a file system that runs full while the product is upgraded stops it half way.",
    ),
    (
        "node-clock",
        "The clock agrees with this machine's within two minutes",
        Severity::Warn,
        // Whoever asks puts `apart` to it.
        "echo \"node_epoch=$(date +%s)\"",
        "check.apart <= 120",
        "Set the clock on {node}, or look at this machine's: times in logs and in the report will not fit together.",
    ),
    (
        "node-lock",
        "No other run has the lock",
        Severity::Info,
        LOCK,
        "check.lock == 'free'",
        "Another run has the lock of {node}: this one can start nothing there before it is given back or taken over.",
    ),
];

/// Puts the checks of the ground in front of the procedure's own. An id that the procedure uses stays the procedure's.
pub fn add(procedure: &mut Procedure) {
    let mut checks = Vec::new();
    for (id, title, severity, script, passes, advice) in CHECKS {
        // Every one of them is parsed by a story.
        let (Ok(passes), false) = (
            Condition::parse(passes),
            procedure.check(&CheckId::new(id)).is_some(),
        ) else {
            continue;
        };
        checks.push(Check {
            id: CheckId::new(id),
            title: (*title).into(),
            section: SECTION.into(),
            severity: *severity,
            kind: CheckKind::Script {
                script: format!("{PLACE}{script}"),
                passes,
                timeout: Span::seconds(30),
                rehearse: BTreeMap::new(),
            },
            on: None,
            why: String::new(),
            advice: (*advice).into(),
        });
    }
    procedure.checks.splice(0..0, checks);
}

/// Whether a check is one of these.
pub fn is_ours(check: &CheckId) -> bool {
    CHECKS.iter().any(|(id, ..)| *id == check.as_str())
}
