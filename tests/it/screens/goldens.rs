//! Whole screens as text, at the two sizes that are drawn by hand in the design, and every size without a panic.

use holdpoint::engine::brief::Mode;
use holdpoint::ui::picture;
use ratatui::buffer::Buffer;
use ratatui::crossterm::event::KeyCode;
use ratatui::layout::Rect;

use super::scenes::{self, RELAY};
use super::theatre::{SIZES, Theatre, golden};

fn check(name: &str, mut theatre: Theatre) {
    theatre.golden(name);
}

fn pressed(mut theatre: Theatre, keys: &[KeyCode]) -> Theatre {
    keys.iter().for_each(|key| theatre.press(*key));
    theatre
}

#[test]
fn the_walk_looks_as_designed() {
    check("connect", RELAY.connect());
    check("readiness", RELAY.readiness());
    check("plan", RELAY.plan());
    check("execute", RELAY.execute(Mode::Run));
    check("rehearsal", RELAY.execute(Mode::Rehearse));
    check("gate", RELAY.gate(Mode::Run));
    check("report", RELAY.report());
}

#[test]
fn trouble_looks_as_designed() {
    check("failure", RELAY.failure(Mode::Run));
    check("contradiction", RELAY.lied());
    check("power-cut", RELAY.power_cut());
    check(
        "choice",
        pressed(RELAY.failure(Mode::Run), &[KeyCode::Char('2')]),
    );
    check("host-key", pressed(RELAY.connect(), &[KeyCode::Char('o')]));
}

#[test]
fn what_stands_over_a_screen_looks_as_designed() {
    let over = |key| pressed(RELAY.execute(Mode::Rehearse), &[key]);
    check("help", over(KeyCode::Char('?')));
    check("palette", over(KeyCode::Char(':')));
    check("leave", over(KeyCode::Char('q')));
    check("what-if", over(KeyCode::Char('W')));
    check("faults", over(KeyCode::Char('F')));
}

#[test]
fn the_first_screen_looks_as_designed() {
    let screen = scenes::welcome("dusk");
    for (width, height) in SIZES {
        let area = Rect::new(0, 0, width, height);
        let mut buf = Buffer::empty(area);
        screen.draw(area, &mut buf);
        golden(&format!("welcome-{width}x{height}"), &picture::text(&buf));
    }
}

/// Each scene at every fifth size, so that together they see every one; all of them at the edges of the layouts.
#[test]
fn no_size_breaks_a_screen() {
    let mut scenes = [
        RELAY.connect(),
        RELAY.readiness(),
        RELAY.plan(),
        RELAY.execute(Mode::Run),
        RELAY.execute(Mode::Rehearse),
        RELAY.gate(Mode::Run),
        RELAY.failure(Mode::Run),
        RELAY.report(),
        pressed(RELAY.execute(Mode::Rehearse), &[KeyCode::Char('?')]),
        pressed(RELAY.execute(Mode::Run), &[KeyCode::Char(':')]),
    ];
    let welcome = scenes::welcome("dusk");
    let edges = [1, 2, 3, 15, 16, 17, 20, 24, 60, 79, 80, 99, 100, 101, 200];
    for width in 1..=200_u16 {
        for height in 1..=60_u16 {
            let edge = edges.contains(&width) && edges.contains(&height);
            for (at, scene) in scenes.iter_mut().enumerate() {
                if edge || (usize::from(width) + 7 * usize::from(height)) % 5 == at % 5 {
                    scene.buffer(width, height);
                }
            }
            if edge {
                let area = Rect::new(0, 0, width, height);
                welcome.draw(area, &mut Buffer::empty(area));
            }
        }
    }
}
