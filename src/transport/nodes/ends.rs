//! How a job's end is told.

use crate::model::reply::{Claim, JobReport};
use crate::transport::job::{JobAnswer, JobExit, JobState};

/// What an answer says about the end; nothing while the job goes on.
pub(super) fn end(answer: &JobAnswer) -> Option<JobReport> {
    let not_started = |why: &str| JobReport::NotStarted { why: why.into() };
    let vanished = |why: &str| JobReport::Vanished { why: why.into() };
    Some(match answer.state {
        JobState::Done => JobReport::Ended {
            claim: claim(answer.exit.as_ref()?),
        },
        JobState::None | JobState::New | JobState::Starting | JobState::Running => return None,
        JobState::Orphaned => return None,
        JobState::Cancelled => {
            not_started("it had not begun on the node, and now it never will under this name")
        }
        JobState::RebootedBeforeExec => not_started("the node was booted before the script began"),
        JobState::DiedBeforeExec => {
            not_started("what was to run the script was ended before the script began")
        }
        JobState::Rebooted => vanished("the node was booted while the script ran"),
        JobState::Vanished => {
            vanished("the script is gone from the node and its end is not recorded")
        }
        JobState::BadRecord => vanished("the record of its end cannot be read on the node"),
    })
}

fn claim(exit: &JobExit) -> Claim {
    if exit.cancelled && exit.code != 0 {
        return Claim::Cancelled;
    }
    match exit.signal() {
        Some(signal) => Claim::Killed {
            signal: i32::from(signal),
        },
        None => Claim::Exited {
            code: i32::from(exit.code),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_is_read_from_the_record_alone() {
        let exit = |code, cancelled| JobExit {
            code,
            cancelled,
            log_size: 0,
        };
        assert_eq!(claim(&exit(0, false)), Claim::Exited { code: 0 });
        assert_eq!(claim(&exit(75, false)), Claim::Exited { code: 75 });
        assert_eq!(claim(&exit(137, false)), Claim::Killed { signal: 9 });
        assert_eq!(claim(&exit(143, true)), Claim::Cancelled);
        // It ended well before the request reached it.
        assert_eq!(claim(&exit(0, true)), Claim::Exited { code: 0 });
    }
}
