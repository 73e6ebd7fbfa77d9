//! Work that outlives the connection: started at most once, followed by byte offset, claimed only by the node's own record.
//!
//! A job is a payload script under a name that is never used twice. [`start`] may be asked for any number of times:
//! the node runs it once. [`report`] says what became of it; only [`JobState::Done`] is a claim. Everything on the
//! node is plain files and a few lines of `sh` (`library.sh`, `lock.sh`, `session.sh`, `supervisor.sh`, `asking.sh`, `verbs.sh`), which stand beside
//! this file.
//!
//! A job that asks reads from a fifo that stays open, or from a terminal of its own (script(1)) whose input is that fifo;
//! [`answer`] writes one line into it, once for each place in the output where the program asked; [`wheel`] lets a human type
//! into it key by key, each act once by its number.

mod answer;
mod follow;
mod hand;
mod lock;
mod protocol;
mod spec;

#[doc(hidden)]
pub use answer::read_reply;
pub use answer::{JobAnswer, JobExit, JobState, Standing};
pub use follow::{Followed, Follower, PIECE, follow};
pub use hand::Hand;
pub use lock::{Claimant, lock};
#[doc(hidden)]
pub use protocol::start_text;
pub use protocol::{
    Ask, JobFailure, Refusal, Wheel, ack, answer, answer_in_turn, cancel, report, start, wheel,
};
pub use spec::{AnswerLine, BadJob, JobId, JobSpec, spec_hash};
