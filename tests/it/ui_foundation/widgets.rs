//! Widgets, at every size.

use holdpoint::ui::keymap::{Context, Moment};
use holdpoint::ui::widget::{
    Column, Footer, FrameKind, LogPane, LogState, Panel, PhaseItem, PhaseStrip, Popup, ProgressBar,
    Search, Table, TableRow, TextView, TimeBar,
};
use holdpoint::ui::{Look, Role, picture};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::Line;

use super::{ascii_look, drawn, log_lines, look};

/// Draws one of each widget, however small the room.
fn draw_all(look: &Look, area: Rect, buf: &mut Buffer) {
    let lines: Vec<Line<'_>> = (0..40)
        .map(|n| Line::from(format!("line {n} 日本語 ⚑")))
        .collect();
    let log = log_lines(50);
    let states = [
        LogState::default(),
        LogState {
            wrap: true,
            left: 3,
            search: Search::parse("n"),
            ..LogState::default()
        },
    ];
    let columns = [
        Column::new("NODE", 8),
        Column::new("NOW", 4).grow(1).drop(1),
        Column::new("N", 3).right().drop(2),
    ];
    let rows: Vec<_> = (0..9)
        .map(|n| TableRow {
            cells: vec![format!("core-{n}").into(), "日本語".into(), "7".into()],
        })
        .collect();
    let phases = [PhaseItem {
        name: "Plan",
        sign: look.signs.done,
        role: Role::StepDone,
    }; 4];
    let inner = Panel::new(look, "Nodes")
        .remark("pane 2")
        .bottom("keys")
        .focus(true)
        .render(area, buf);
    for kind in [
        FrameKind::Round,
        FrameKind::Heavy,
        FrameKind::Double,
        FrameKind::Hatched,
    ] {
        Panel::new(look, "T").kind(kind).render(area, buf);
    }
    for room in [area, inner] {
        TextView::new(look, &lines)
            .scroll(1000)
            .selected(3)
            .render(room, buf);
        for state in &states {
            LogPane::new(look, log.as_slice(), state).render(room, buf);
        }
        Table::new(look, &columns, &rows)
            .selected(Some(8))
            .render(room, buf);
        ProgressBar::new(look, 1, 3, Role::Ok).render(room, buf);
        TimeBar {
            look,
            start: 0,
            end: 10,
            now: 3,
            turn_back: Some(9),
            role: Role::WindowOk,
        }
        .render(room, buf);
        Footer::new(
            look,
            Context::Execute,
            Moment {
                panes: 3,
                ..Moment::default()
            },
        )
        .render(room, buf);
        PhaseStrip::new(look, &phases, 2).render(room, buf);
        Popup::new(look, "Gate")
            .lines(&lines)
            .fixed(&lines[..2])
            .bottom("x")
            .render(room, buf);
    }
}

#[test]
fn every_widget_draws_at_every_size() {
    for look in [look(), ascii_look()] {
        for width in 0..40 {
            for height in [0, 1, 2, 3, 5, 24] {
                let screen = Rect::new(0, 0, width, height);
                let mut buf = Buffer::empty(screen);
                draw_all(&look, screen, &mut buf);
                // Also when the layout is wrong and the room lies outside of the screen.
                draw_all(
                    &look,
                    Rect::new(width / 2, height / 2, width + 3, height + 3),
                    &mut buf,
                );
                draw_all(&look, Rect::new(width + 1, height + 1, 5, 5), &mut buf);
                let shown = picture::text(&buf);
                assert!(
                    !look.signs.is_ascii() || shown.replace(['日', '本', '語', '⚑'], "").is_ascii()
                );
            }
        }
    }
}

#[test]
fn a_panel_has_title_remark_and_focus() {
    let look = look();
    let shown = drawn(30, 3, |area, buf| {
        Panel::new(&look, "Nodes")
            .remark("pane 2")
            .bottom("z zoom")
            .render(area, buf);
    });
    assert_eq!(
        shown,
        "╭─ Nodes ─────────── pane 2 ─╮\n│                            │\n╰─ z zoom ───────────────────╯\n"
    );
    let narrow = drawn(12, 2, |area, buf| {
        Panel::new(&look, "Nodes")
            .remark("pane 2")
            .render(area, buf);
    });
    assert_eq!(
        narrow, "╭─ Nodes ──╮\n╰──────────╯\n",
        "the remark gives way"
    );
    let style = |focus| {
        let mut buf = Buffer::empty(Rect::new(0, 0, 9, 3));
        Panel::new(&look, "N")
            .focus(focus)
            .render(buf.area, &mut buf);
        buf[(0, 0)].style()
    };
    assert_ne!(style(true), style(false));
}

#[test]
fn a_gate_keeps_its_field_when_there_is_no_room() {
    let look = look();
    let text: Vec<Line<'_>> = (0..20).map(|n| Line::from(format!("fact {n}"))).collect();
    let fixed = [
        Line::from("Type  upgrade core-3"),
        Line::from("[upgrade cor_  ]"),
    ];
    let popup = Popup::new(&look, "GATE C")
        .lines(&text)
        .fixed(&fixed)
        .frame(FrameKind::Double, Role::GateFrame);
    let shown = drawn(40, 6, |area, buf| {
        popup.render(area, buf);
    });
    assert!(shown.starts_with("╔═ GATE C ═"), "{shown}");
    assert!(shown.contains("║ fact 1 "), "{shown}");
    assert!(shown.contains("║ Type  upgrade core-3 "), "{shown}");
    assert!(shown.contains("║ [upgrade cor_  ]"), "{shown}");
}

#[test]
fn a_table_leaves_out_columns_before_it_cuts_the_needed_ones() {
    let look = look();
    let columns = [
        Column::new("NODE", 6),
        Column::new("ROLE", 6).drop(2),
        Column::new("NOW", 6).grow(1),
    ];
    let rows = [
        TableRow {
            cells: vec!["core-1".into(), "server".into(), "upgrading 58%".into()],
        },
        TableRow {
            cells: vec!["日本語のノード".into(), "edge".into(), "waits".into()],
        },
    ];
    let table = Table::new(&look, &columns, &rows);
    let wide = drawn(30, 3, |area, buf| table.render(area, buf));
    assert_eq!(
        wide,
        "NODE   ROLE   NOW\ncore-1 server upgrading 58%\n日本>  edge   waits\n"
    );
    let narrow = drawn(15, 3, |area, buf| table.selected(Some(1)).render(area, buf));
    assert_eq!(narrow, "  NODE   NOW\n  core-1 upgra>\n► 日本>  waits\n");
}

#[test]
fn bars_are_full_only_at_the_end() {
    let look = look();
    let bar = |part| {
        drawn(10, 1, |area, buf| {
            ProgressBar::new(&look, part, 1000, Role::Ok).render(area, buf)
        })
    };
    assert_eq!(bar(0), "░░░░░░░░░░\n");
    assert_eq!(bar(460), "█████░░░░░\n");
    assert_eq!(bar(999), "█████████░\n");
    assert_eq!(bar(1000), "██████████\n");
    let time = TimeBar {
        look: &look,
        start: 0,
        end: 100,
        now: 40,
        turn_back: Some(80),
        role: Role::WindowOk,
    };
    assert_eq!(
        drawn(10, 1, |area, buf| time.render(area, buf)),
        "████░░░░┃░\n"
    );
}

#[test]
fn the_strip_shrinks_to_the_present_phase() {
    let look = look();
    let phases = [
        PhaseItem {
            name: "Plan",
            sign: "✓",
            role: Role::StepDone,
        },
        PhaseItem {
            name: "Execute",
            sign: "►",
            role: Role::StepRunning,
        },
    ];
    let strip = PhaseStrip::new(&look, &phases, 1);
    assert_eq!(
        drawn(40, 1, |area, buf| strip.render(area, buf)),
        " ✓ Plan  ›  ► Execute\n"
    );
    assert_eq!(
        drawn(18, 1, |area, buf| strip.render(area, buf)),
        " ► Execute  2/2\n"
    );
}

#[test]
fn the_footer_keeps_help_and_leave_when_narrow() {
    let look = look();
    let moment = Moment {
        panes: 3,
        ..Moment::default()
    };
    let line = |width| {
        drawn(width, 1, |area, buf| {
            Footer::new(&look, Context::Execute, moment).render(area, buf)
        })
    };
    assert_eq!(
        line(100),
        " p pause after step   W what if   Tab pane   j/k move   : commands   ? help   q leave\n"
    );
    assert!(line(40).ends_with("? help   q leave\n"), "{}", line(40));
}
