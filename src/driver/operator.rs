//! What people send to the loop.

use secrecy::SecretString;

use super::clock::Speed;
use crate::engine::brief::Person;
use crate::engine::input::Says;
use crate::model::ids::NodeId;

/// One message of an operator, or of a program that stands in for one.
#[derive(Debug)]
pub enum FromOperator {
    Says {
        by: Person,
        says: Says,
    },
    /// Goes to the transport and nowhere else; the run is only told that it was given.
    Secret {
        node: NodeId,
        by: Person,
        secret: SecretString,
    },
    /// Disturbs a rehearsal: `link-down st2 30s`.
    Fault {
        by: Person,
        text: String,
    },
    /// How fast a rehearsal goes.
    Speed(Speed),
    /// Nobody is there any more to answer: end this session, the run can be resumed.
    Detach {
        why: String,
    },
}
