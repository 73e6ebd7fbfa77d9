//! What the loop needs of a transport besides the contract.

use secrecy::SecretString;

use crate::model::ids::NodeId;
use crate::model::time::Stamp;
use crate::transport::Acts;

/// A transport that also takes secrets, and faults where it is a rehearsal's.
pub trait Hands: Acts {
    /// Takes the secret that a node asked for. It must stay in memory and be used for nothing else.
    fn secret(&mut self, node: &NodeId, secret: SecretString);

    /// Disturbs a simulated cluster as `what` says, and tells in words what that does.
    ///
    /// # Errors
    /// Why not, in words: real nodes are never disturbed.
    fn disturb(&mut self, what: &str, now: Stamp) -> Result<String, String> {
        let _ = (what, now);
        Err("only a rehearsal can be disturbed".into())
    }
}
