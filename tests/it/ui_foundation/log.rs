//! The log pane.

use holdpoint::ui::widget::{LogLine, LogPane, LogSource, LogState, Search};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::{drawn, log_lines, look};

fn log_text(source: &[LogLine<'_>], state: &LogState, width: u16, height: u16) -> String {
    let look = look();
    drawn(width, height, |area, buf| {
        LogPane::new(&look, source, state).render(area, buf)
    })
}

#[test]
fn a_log_follows_its_end_and_holds_when_scrolled_up() {
    let mut lines = log_lines(10);
    let mut state = LogState::default();
    let top =
        |lines: &[LogLine<'_>], state: &LogState| log_text(lines, state, 30, 4)[..3].to_owned();
    assert_eq!(top(&lines, &state), "+06");
    state.scroll(lines.as_slice(), 4, -3);
    assert!(!state.follows());
    assert_eq!(top(&lines, &state), "+03");
    lines.extend(log_lines(5));
    assert_eq!(top(&lines, &state), "+03", "new lines move nothing");
    state.scroll(lines.as_slice(), 4, -100);
    assert_eq!(top(&lines, &state), "+00");
    state.scroll(lines.as_slice(), 4, 100);
    assert!(state.follows(), "the end follows again");
    let look = look();
    let remark = LogPane::new(&look, lines.as_slice(), &state).remark();
    assert_eq!(remark, "follow on · wrap off · 15 lines");
}

#[test]
fn a_log_keeps_its_place_when_old_lines_are_dropped() {
    struct Ring(u64, Vec<LogLine<'static>>);
    impl LogSource for Ring {
        fn first(&self) -> u64 {
            self.0
        }
        fn end(&self) -> u64 {
            self.0 + self.1.len() as u64
        }
        fn line(&self, number: u64) -> Option<LogLine<'_>> {
            self.1
                .get(usize::try_from(number.checked_sub(self.0)?).ok()?)
                .cloned()
        }
    }
    let look = look();
    let mut state = LogState::default();
    state.hold_at(5);
    let all = log_lines(20);
    let top = |from: usize| {
        let ring = Ring(from as u64, all[from..].to_vec());
        drawn(30, 4, |area, buf| {
            LogPane::new(&look, &ring, &state).render(area, buf)
        })[..3]
            .to_owned()
    };
    assert_eq!(top(0), "+05");
    assert_eq!(top(4), "+05");
    assert_eq!(top(9), "+09", "the line is gone: the oldest one stands in");
}

#[test]
fn a_log_is_searched_inside_and_the_match_is_marked() {
    let lines = log_lines(30);
    let mut state = LogState {
        search: Search::parse("warn"),
        ..LogState::default()
    };
    assert!(state.step(lines.as_slice(), 5, false));
    assert_eq!(state.found, Some(1));
    assert!(state.step(lines.as_slice(), 5, false));
    assert_eq!(state.found, Some(4));
    assert!(state.step(lines.as_slice(), 5, true));
    assert_eq!(state.found, Some(1));
    assert!(!state.step(lines.as_slice(), 5, true), "none before it");
    let look = look();
    let mut buf = Buffer::empty(Rect::new(0, 0, 40, 5));
    LogPane::new(&look, lines.as_slice(), &state).render(buf.area, &mut buf);
    let marked: String = (0..40)
        .filter(|x| {
            buf[(*x, 1)]
                .modifier
                .contains(ratatui::style::Modifier::REVERSED)
        })
        .map(|x| buf[(x, 1)].symbol().to_owned())
        .collect();
    assert_eq!(marked, "WARN");
    assert!(Search::parse("Warn").is_some_and(|exact| !exact.finds("WARN")));
    assert!(Search::parse("!warn").is_some_and(|not| not.finds("ok") && !not.finds("WARN")));
    assert_eq!(Search::parse("!"), None);
    assert!(Search::parse("ß").is_some_and(|search| search.finds("straße")));
}

#[test]
fn a_wrapped_log_shows_its_last_line_whole() {
    let lines = log_lines(8);
    let state = LogState {
        wrap: true,
        ..LogState::default()
    };
    let shown = log_text(&lines, &state, 24, 4);
    assert!(shown.lines().last().unwrap().contains("large"), "{shown}");
    let sideways = LogState {
        left: 5,
        ..LogState::default()
    };
    assert!(log_text(&lines, &sideways, 40, 4).contains("+06 out  king"));
}
