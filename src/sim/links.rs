//! Links to the pretend nodes: had, lost, refused and taken up again.

use super::node::{JobId, Link, SimNode};
use super::world::{Event, Reply, SimWorld};
use crate::model::drill::KeyFault;
use crate::model::ids::NodeId;
use crate::model::reply::{HostKey, JobReport, KeyChange, LinkReport, Refusal};
use crate::model::time::{Span, Stamp};

/// How long a node that cannot be reached keeps us waiting before an attempt is given up.
const NO_ANSWER: Span = Span::seconds(10);

impl SimWorld {
    /// Connects, and stays connected until [`SimWorld::disconnect`].
    pub fn connect(&mut self, node: &NodeId, now: Stamp) {
        self.arrive(now);
        if let Some(node) = self.place(node) {
            self.nodes[node].wanted = true;
            self.dial(node);
        }
    }

    /// Tries again now, if somebody wanted to be connected.
    pub fn reconnect(&mut self, node: &NodeId, now: Stamp) {
        self.arrive(now);
        if let Some(node) = self.place(node).filter(|node| self.nodes[*node].wanted) {
            self.dial(node);
        }
    }

    /// Gives the link up. Jobs on the node go on.
    pub fn disconnect(&mut self, node: &NodeId, now: Stamp) {
        self.arrive(now);
        let Some(place) = self.place(node) else {
            return;
        };
        let node = &mut self.nodes[place];
        node.wanted = false;
        node.watched = false;
        node.link = Link::Idle;
        node.dial += 1;
        node.unanswered.clear();
        for job in node.jobs.values_mut() {
            job.followed = false;
        }
    }

    /// A human's answer to an unknown or changed host key.
    pub fn host_key(&mut self, node: &NodeId, fingerprint: &str, accept: bool, now: Stamp) {
        self.arrive(now);
        let Some(place) = self.place(node) else {
            return;
        };
        let asked = self.nodes[place].wrong.key.is_some()
            && self.nodes[place].link == Link::Refused
            && key_of(&self.nodes[place]).fingerprint == fingerprint;
        if !asked {
            return;
        }
        if accept {
            self.nodes[place].wrong.key = None;
            self.dial(place);
        } else {
            let refused = refused(&self.nodes[place], "the host key was not accepted");
            self.after(Span(0), refused);
        }
    }

    /// Starts a connection attempt. A link that stands is reported again, without another login.
    pub(super) fn dial(&mut self, node: usize) {
        let latency = match self.nodes[node].cut_off {
            Some(_) => NO_ANSWER,
            None => self.latency(node, "connect") + self.latency(node, "login"),
        };
        let it = &mut self.nodes[node];
        it.dial += 1;
        let dial = it.dial;
        if !it.is_up() {
            it.link = Link::Connecting;
        }
        self.after(latency, Event::Dialled { node, dial });
    }

    /// Ends a connection attempt, one way or another.
    pub(super) fn dialled(&mut self, node: usize, dial: u64) -> Option<Reply> {
        let it = &mut self.nodes[node];
        if !it.wanted || it.dial != dial {
            return None;
        }
        let name = it.name.clone();
        let report = if it.is_up() {
            up(it)
        } else if let Some(why) = &it.cut_off {
            let why = format!("no answer from {name}: {why}");
            it.link = Link::Down;
            LinkReport::Down { why }
        } else {
            self.knock(node)
        };
        Some(Reply::Link { node: name, report })
    }

    /// The node answers: its key is looked at, then we are in.
    fn knock(&mut self, node: usize) -> LinkReport {
        let it = &mut self.nodes[node];
        match it.wrong.key {
            Some(KeyFault::Unknown) => {
                it.link = Link::Refused;
                LinkReport::UnknownHostKey {
                    key: key_of(it),
                    jump: None,
                }
            }
            Some(KeyFault::Changed | KeyFault::AtBoot) => {
                it.link = Link::Refused;
                let change = KeyChange {
                    name: it.host.clone(),
                    known: nth_key_of(it, it.wrong.keys),
                    shown: key_of(it),
                    place: None,
                    vouched: None,
                    mend: Vec::new(),
                    why: format!("{} shows another host key than the known one", it.name),
                };
                LinkReport::ChangedHostKey {
                    change: Box::new(change),
                }
            }
            None => {
                it.link = Link::Up;
                let report = up(it);
                self.taken_up(node);
                report
            }
        }
    }

    /// A new link: nothing was told on it yet, and open questions about jobs are asked again.
    fn taken_up(&mut self, node: usize) {
        for probe in 0..self.nodes[node].probes.len() {
            self.nodes[node].probes[probe].stale = true;
            self.look_at_pace(node, probe);
        }
        let open: Vec<JobId> = self.nodes[node]
            .jobs
            .iter()
            .filter(|(_, job)| job.followed)
            .map(|(id, _)| id.clone())
            .collect();
        for job in open {
            self.ask(node, job);
        }
        self.ask_again(node);
        self.answer_lock(node);
    }

    /// Cuts the node off, for a time or until it is mended.
    pub(super) fn cut(&mut self, node: usize, why: &str, lasts: Option<Span>) {
        let it = &mut self.nodes[node];
        it.cuts += 1;
        it.cut_off = Some(why.to_string());
        let cut = it.cuts;
        if let Some(span) = lasts {
            self.after(span, Event::Reachable { node, cut });
        }
        self.drop_link(node, why);
    }

    /// The link is gone; what it leaves open is said once.
    fn drop_link(&mut self, node: usize, why: &str) {
        let it = &mut self.nodes[node];
        if !it.is_up() {
            return;
        }
        it.link = Link::Down;
        let down = LinkReport::Down { why: why.into() };
        let mut said = vec![Reply::Link {
            node: it.name.clone(),
            report: down,
        }];
        said.extend(
            it.jobs
                .values()
                .filter(|job| job.followed)
                .map(|job| job.work.reply(out_of_sight(why))),
        );
        for reply in said {
            self.after(Span(0), Event::Unlinked(Box::new(reply)));
        }
    }

    /// The node can be reached again, unless it was cut off anew meanwhile.
    pub(super) fn reachable(&mut self, node: usize, cut: u64) {
        if self.nodes[node].cuts == cut {
            self.let_in(node);
        }
    }

    /// Takes the link up again where one is wanted.
    pub(super) fn let_in(&mut self, node: usize) {
        let it = &mut self.nodes[node];
        it.cut_off = None;
        if it.wanted && !it.is_up() {
            self.dial(node);
        }
    }
}

/// What is said about a job on a node that cannot be asked.
pub(super) fn out_of_sight(why: &str) -> JobReport {
    JobReport::OutOfSight { why: why.into() }
}

fn up(node: &SimNode) -> LinkReport {
    LinkReport::Up {
        incarnation: node.incarnation.clone(),
        host_key: Some(key_of(node)),
        user: node.user.clone(),
    }
}

fn refused(node: &SimNode, why: &str) -> Event {
    Event::Unlinked(Box::new(Reply::Link {
        node: node.name.clone(),
        report: LinkReport::Refused {
            refusal: Refusal::HostKey,
            why: why.into(),
        },
    }))
}

fn key_of(node: &SimNode) -> HostKey {
    nth_key_of(node, node.wrong.keys + 1)
}

fn nth_key_of(node: &SimNode, nth: u32) -> HostKey {
    HostKey {
        algorithm: "ssh-ed25519".into(),
        fingerprint: format!("SHA256:simulated-{}-{nth}", node.name),
    }
}
