//! The pictures of the README are what the program draws; `HOLDPOINT_BLESS=1 cargo test --test it screenshots` takes them.

use std::path::Path;

use holdpoint::engine::brief::Mode;
use holdpoint::ui::picture;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::scenes::{self, SECURE_TRANSPORT as PLAY};
use super::theatre::{Theatre, theme};

fn shot(name: &str, svg: &str) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("screenshots");
    let path = folder.join(format!("{name}.svg"));
    if std::env::var_os("HOLDPOINT_BLESS").is_some_and(|bless| bless == "1") {
        std::fs::create_dir_all(&folder).expect("the folder can be made");
        std::fs::write(&path, svg).expect("the picture can be written");
        return;
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        kept == svg,
        "screenshots/{name}.svg is not what the program draws now; look at it anew with: HOLDPOINT_BLESS=1 cargo test --test it screenshots"
    );
}

fn check(name: &str, theme_name: &str, mut theatre: Theatre) {
    theatre.app.look.theme = theme(theme_name);
    let buf = theatre.buffer(120, 36);
    shot(name, &picture::svg(&buf, &theatre.app.look.theme));
}

#[test]
fn pictures_are_what_the_program_draws() {
    let screen = scenes::welcome("dusk");
    let mut buf = Buffer::empty(Rect::new(0, 0, 120, 36));
    screen.draw(buf.area, &mut buf);
    shot("welcome", &picture::svg(&buf, &screen.look.theme));
    check("connect", "dusk", PLAY.connect());
    check("readiness", "dusk", PLAY.readiness());
    check("plan", "dusk", PLAY.plan());
    check("execute", "dusk", PLAY.execute(Mode::Run));
    check("execute-paper", "paper", PLAY.execute(Mode::Run));
    check("rehearsal", "dusk", PLAY.execute(Mode::Rehearse));
    check("gate", "dusk", PLAY.gate(Mode::Run));
    check("failure", "dusk", PLAY.failure(Mode::Run));
    check("report", "dusk", PLAY.report());
}
