//! Two operators, two machines' worth of state folders, one cluster: the built program over real SSH servers.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use crate::support::double::eventually;
use crate::support::site::Site;
use crate::support::walk::{Walk, tail, usual};

pub struct Boxes {
    pub site: Site,
}

impl Boxes {
    pub fn start(first_ip: u8) -> Option<Boxes> {
        Boxes::start_at(first_ip, 1)
    }

    /// The same, on 127.0.`first_ip`.`first` and the next.
    pub fn start_at(first_ip: u8, first: u8) -> Option<Boxes> {
        let site = Site::start_at(&["b1", "b2"], first_ip, first)?;
        let procedure = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/levels.toml");
        let mut text = format!(
            "[cluster]\nname = \"boxes\"\nprocedure = \"{procedure}\"\ntarget = \"2\"\nplace = \"lab\"\n\n{}",
            site.ssh_table()
        );
        for index in 0..2 {
            text += &site.node_table(index, &["box"], &[]);
        }
        site.write(&text);
        let boxes = Boxes { site };
        boxes.lower();
        Some(boxes)
    }

    /// As if none of them had ever been lifted.
    pub fn lower(&self) {
        for server in &self.site.servers {
            fs::write(server.home.join("level"), "1\n").expect("a level");
            // There is none before the first time.
            let _ = fs::remove_file(server.home.join("count"));
        }
    }

    pub fn state(&self, operator: &str) -> PathBuf {
        self.site.folder.path().join(operator)
    }

    pub fn run(&self, operator: &str) -> Walk {
        Walk::start(
            &self.state(operator),
            &["run", &self.site.file_arg(), "--plain"],
        )
    }

    pub fn resume(&self, operator: &str) -> Walk {
        Walk::start(&self.state(operator), &["resume", "--plain"])
    }

    pub fn lifted(&self, index: usize) -> usize {
        let count = fs::read_to_string(self.site.servers[index].home.join("count"));
        count.map_or(0, |count| count.lines().count())
    }

    /// The record of the lock that counts on this node.
    pub fn lock(&self, index: usize) -> String {
        let folder = self.site.servers[index].dir.join("jobs");
        let number = |name: &str| name.strip_prefix("_lock.")?.parse::<u64>().ok();
        let files = fs::read_dir(&folder).into_iter().flatten().flatten();
        let names = files.map(|file| file.file_name().to_string_lossy().into_owned());
        let highest = names.filter_map(|name| number(&name)).max();
        highest.map_or(String::new(), |highest| {
            let record = fs::read_to_string(folder.join(format!("_lock.{highest}")));
            format!("{highest} {}", record.expect("the record"))
        })
    }
}

/// Answers what is asked, as a patient operator does, up to a hold that begins like this; gives its `expect` line.
pub fn walk_to(walk: &mut Walk, wanted: &str) -> String {
    let mut hold = String::new();
    loop {
        let Some(line) = walk.line() else {
            panic!("`{wanted}` never came:\n{}", tail(&walk.transcript));
        };
        if line.starts_with("HOLD ") {
            hold = line.clone();
        }
        if let Some(expected) = line.strip_prefix("  expect: ") {
            if hold.starts_with(wanted) {
                return expected.to_string();
            }
            walk.type_line(&usual(expected));
        }
    }
}

#[test]
fn the_second_operator_waits_or_takes_over_and_then_the_first_one_is_shut_out() {
    let Some(boxes) = Boxes::start(161) else {
        return;
    };
    let mut ana = boxes.run("ana");
    let gate = walk_to(&mut ana, "HOLD gate raise/lift@b2");
    assert_eq!((boxes.lifted(0), boxes.lifted(1)), (1, 0));
    let record = boxes.lock(1);
    let ours = record.split(' ').nth(3).expect("a run id").to_string();
    assert!(record.starts_with("1 v1 held "), "{record}");

    let mut ben = boxes.run("ben");
    walk_to(&mut ben, "HOLD failure lock");
    assert!(
        ben.transcript
            .contains(&format!("b1 is locked by another run: run {ours} of ")),
        "{}",
        tail(&ben.transcript)
    );
    ben.type_line("leave");
    let left = ben.end();
    assert_eq!(
        left.code,
        Some(7),
        "{}\n{}",
        tail(&left.transcript),
        left.errors
    );
    assert_eq!(boxes.lifted(1), 0);

    // Ana is said to be gone; she is not.
    let slow = boxes.site.servers[1].home.join("slow");
    fs::write(&slow, "").expect("a slow box");
    let mut ben = boxes.resume("ben");
    walk_to(&mut ben, "HOLD failure lock");
    ben.type_line(&format!("take-over {ours} ana does not answer the phone"));
    let theirs = walk_to(&mut ben, "HOLD gate raise/lift@b2");
    ben.type_line(&usual(&theirs));
    eventually("ben's lift runs", Duration::from_secs(60), || {
        boxes.lifted(1) == 1
    });
    ana.type_line(&usual(&gate));
    walk_to(&mut ana, "HOLD failure lock");
    assert!(
        ana.transcript
            .contains("has taken over; this run may start nothing there."),
        "{}",
        tail(&ana.transcript)
    );
    ana.type_line("leave");
    let shut_out = ana.end();
    assert_eq!(
        shut_out.code,
        Some(7),
        "{}\n{}",
        tail(&shut_out.transcript),
        shut_out.errors
    );

    fs::remove_file(&slow).expect("it was slow");
    let done = ben.guide(|_, _| None);
    assert_eq!(
        done.code,
        Some(0),
        "{}\n{}",
        tail(&done.transcript),
        done.errors
    );
    assert_eq!(
        (boxes.lifted(0), boxes.lifted(1)),
        (1, 1),
        "each box was lifted once"
    );
    for index in 0..2 {
        let record = boxes.lock(index);
        assert!(record.starts_with("3 v1 free "), "{record}");
    }
}

#[test]
fn killed_in_the_middle_of_taking_it_goes_on_with_the_lock_that_it_has() {
    let Some(boxes) = Boxes::start(162) else {
        return;
    };
    let mut walk = boxes.run("ana");
    let gate = walk_to(&mut walk, "HOLD gate raise/lift@b1");
    // b1 answers, b2 is silent: that is where it dies.
    boxes.site.servers[1].freeze_connections();
    walk.type_line(&usual(&gate));
    while !walk
        .line()
        .expect("it goes on")
        .ends_with("b1 lock: taken, generation 1")
    {}
    let pid = Pid::from_raw(i32::try_from(walk.pid()).expect("a pid")).expect("a pid");
    kill_process(pid, Signal::KILL).expect("it is ours");
    assert_eq!(walk.end().code, None, "it was killed");
    boxes.site.servers[1].kill_connections();
    assert!(boxes.lock(0).starts_with("1 v1 held "), "{}", boxes.lock(0));
    assert_eq!((boxes.lifted(0), boxes.lifted(1)), (0, 0));

    // Somebody else finds the dead run's lock, on one node, and keeps out.
    let mut ben = boxes.run("ben");
    walk_to(&mut ben, "HOLD failure lock");
    ben.type_line("leave");
    assert_eq!(ben.end().code, Some(7));

    let done = boxes.resume("ana").guide(|_, _| None);
    assert_eq!(
        done.code,
        Some(0),
        "{}\n{}",
        tail(&done.transcript),
        done.errors
    );
    assert!(
        !done.transcript.contains("b1 lock: taken") && done.transcript.contains("b2 lock: taken"),
        "{}",
        tail(&done.transcript)
    );
    assert_eq!((boxes.lifted(0), boxes.lifted(1)), (1, 1));
    for index in 0..2 {
        let record = boxes.lock(index);
        assert!(record.starts_with("2 v1 free "), "{record}");
    }
}
