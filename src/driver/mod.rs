//! The one loop: input, decide, journal, publish, act. Everything that reaches a run passes through it, in one order.
//!
//! | file | what it is |
//! |---|---|
//! | [`drive`] | the loop |
//! | [`exec`] | effects to requests, from the frozen plan |
//! | [`hands`] | what the loop needs of a transport |
//! | [`operator`] | what people send to it |
//! | [`record`] | where entries and outputs are kept |
//! | [`fanout`] | who watches: entries are never dropped, telemetry may be |
//! | [`clock`] | the only clock besides the journal's |
//! | [`signals`] | being told by the system to end |

pub mod clock;
pub mod drive;
pub mod exec;
pub mod fanout;
pub mod hands;
pub mod operator;
pub mod record;
pub mod signals;

pub use clock::{Clock, Speed};
pub use drive::{DriveError, Driver, How, Session};
pub use fanout::{Fanout, Feed, Notice};
pub use hands::Hands;
pub use operator::FromOperator;
pub use record::{NoRecord, RecordError, Recorder, RunRecorder};
pub use signals::{Signal, Signals};
