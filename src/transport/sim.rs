//! Hands on a pretend cluster: the simulator behind the transport's contract.

use std::future::pending;

use super::{Acts, Arrival, Change, Due, Look, Looks, Order};
use crate::model::drill::{Fault, FaultError};
use crate::model::time::Stamp;
use crate::sim::{Reply, SimWorld, Work};

/// A pretend cluster that takes the same requests as a real one and runs on virtual time.
#[derive(Debug)]
pub struct SimTransport {
    world: SimWorld,
}

impl SimTransport {
    /// Hands on this world.
    pub fn new(world: SimWorld) -> SimTransport {
        SimTransport { world }
    }

    /// The world behind it.
    pub fn world(&self) -> &SimWorld {
        &self.world
    }

    /// The world behind it, to disturb it.
    pub fn world_mut(&mut self) -> &mut SimWorld {
        &mut self.world
    }

    /// Takes what is typed after `:fault`, and says what it does.
    pub fn inflict(&mut self, typed: &str, now: Stamp) -> Result<String, FaultError> {
        let (node, fault) = Fault::parse_typed(typed)?;
        let said = format!("{node}: {}", fault.explain());
        self.world.inflict(&node, fault, now)?;
        Ok(said)
    }
}

impl Looks for SimTransport {
    fn look(&mut self, look: Look, now: Stamp) {
        let world = &mut self.world;
        match look {
            Look::Connect { node } => world.connect(&node, now),
            Look::Reconnect { node } => world.reconnect(&node, now),
            Look::Disconnect { node } => world.disconnect(&node, now),
            Look::HostKey {
                node,
                fingerprint,
                accept,
            } => world.host_key(&node, &fingerprint, accept, now),
            Look::Probe { node } => world.probe(&node, now),
            Look::Watch { node } => world.watch(&node, now),
            Look::Check { node, check } => world.check(&node, &check, now),
            Look::Read { order } => world.read(reading(order), now),
        }
    }

    fn due(&self) -> Due {
        self.world.due().map_or(Due::Never, Due::At)
    }

    async fn arrival(&mut self, now: Stamp) -> Arrival {
        match self.world.step(now) {
            Some(reply) => arrival(reply),
            None => pending().await,
        }
    }
}

impl Acts for SimTransport {
    fn change(&mut self, change: Change, now: Stamp) {
        let world = &mut self.world;
        match change {
            Change::Start { order } => world.start(work(order), now),
            Change::Attach { order } => world.attach(work(order), now),
            // Whatever the answer is: nobody reads it.
            Change::Answer {
                order,
                at,
                answer: _,
            } => world.answer(&work(order), at, now),
            Change::Wheel { order, act } => world.wheel(&work(order), &act, now),
            Change::Cancel { order } => world.cancel(&work(order), now),
            Change::Acknowledge { order } => world.acknowledge(&work(order), now),
            Change::Lock {
                node,
                claimant: _,
                ask,
            } => world.lock(&node, ask, now),
            Change::Performed {
                action,
                effects,
                typical,
            } => world.perform(&action, effects, typical, now),
        }
    }
}

/// A job of the simulator from an order: all but the script itself, which nobody runs.
pub fn work(order: Order) -> Work {
    let prompts = order.dialogue.into_iter().flat_map(|d| d.prompts);
    let asks = prompts.filter_map(|prompt| Some((Some(prompt.id), prompt.says?)));
    Work {
        asks: asks.collect(),
        fence: order.fence.map(|fence| fence.generation),
        reboots: order.reboots,
        action: order.action,
        attempt: order.attempt,
        node: order.node,
        job: order.job,
        then: order.then,
        also_on: order.also_on,
        typical: order.typical,
        output: order.output,
    }
}

/// A read-only step has no effect, whatever its order says.
fn reading(order: Order) -> Work {
    let mut work = work(order);
    work.then.clear();
    work.fence = None;
    work.also_on.clear();
    work
}

fn arrival(reply: Reply) -> Arrival {
    match reply {
        Reply::Link { node, report } => Arrival::Link { node, report },
        Reply::Reading {
            node,
            probe,
            reading,
        } => Arrival::Reading {
            node,
            probe,
            reading,
        },
        Reply::Check {
            node,
            check,
            output,
        } => Arrival::Check {
            node,
            check,
            output,
        },
        Reply::Job {
            action,
            attempt,
            node,
            report,
        } => Arrival::Job {
            action,
            attempt,
            node,
            report,
        },
        Reply::Lock { node, report } => Arrival::Lock { node, report },
        Reply::Telemetry(telemetry) => Arrival::Telemetry(telemetry),
    }
}
