//! The rules of the engine, told as stories on the pure core: no runtime, no clock, no sleep.

use std::time::Instant;

use crate::support::pure::PureRun;
use holdpoint::engine::event::Ending;

const STANDARD: &str = "securetransport/standard-cluster";

#[test]
fn scale() {
    for n in [3, 100, 1000] {
        let t = Instant::now();
        let mut run = PureRun::new(STANDARD, n, 1);
        run.open();
        run.walk(|_| false);
        assert_eq!(run.state.ending, Some(Ending::Upgraded));
        println!(
            "{n}: {:?} {} entries {} actions",
            t.elapsed(),
            run.entries.len(),
            run.state.actions.len()
        );
    }
}
