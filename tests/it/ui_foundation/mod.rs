//! What every screen stands on: themes, signs, keys, typing at gates, widgets, pictures.

mod keys;
mod log;
mod paste;
mod pictures;
mod themes;
mod values;
mod widgets;

use holdpoint::ui::theme::{Depth, Themes};
use holdpoint::ui::widget::{LogLine, Stream};
use holdpoint::ui::{Look, picture, signs};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

fn look() -> Look {
    let (theme, complaints) = Themes::default().get("dusk", Depth::TrueColor);
    assert_eq!(complaints, []);
    Look {
        theme,
        signs: &signs::UNICODE,
    }
}

fn ascii_look() -> Look {
    let (theme, _) = Themes::default().get("mono", Depth::None);
    Look {
        theme,
        signs: &signs::ASCII,
    }
}

fn variables<'a>(set: &'a [(&'a str, &'a str)]) -> impl Fn(&str) -> Option<String> + 'a {
    move |name| {
        set.iter()
            .find(|(key, _)| *key == name)
            .map(|(_, value)| (*value).to_owned())
    }
}
/// What a drawing of so many columns and rows looks like.
fn drawn(width: u16, height: u16, draw: impl FnOnce(Rect, &mut Buffer)) -> String {
    let area = Rect::new(0, 0, width, height);
    let mut buf = Buffer::empty(area);
    draw(area, &mut buf);
    picture::text(&buf)
}

fn log_lines(n: usize) -> Vec<LogLine<'static>> {
    const TEXTS: [&str; 3] = ["unpacking", "WARN table audit_log is large", "ok"];
    (0..n)
        .map(|at| LogLine {
            time: format!("+{at:02}").into(),
            stream: Stream::Out,
            text: TEXTS[at % 3],
        })
        .collect()
}
