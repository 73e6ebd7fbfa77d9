//! The rules of the engine, told as stories on the pure core: no runtime, no clock, no sleep.

use crate::support::pure::PureRun;
use holdpoint::engine::event::Ending;

const STANDARD: &str = "securetransport/standard-cluster";

#[test]
fn a_rehearsal_walks_from_the_first_connection_to_the_report() {
    let mut run = PureRun::new(STANDARD, 3, 1);
    run.open();
    let met = run.walk(|_| false);
    assert_eq!(run.state.ending, Some(Ending::Upgraded), "{met:#?}");
    println!("{met:#?}");
}
