//! Themes and colours.

use holdpoint::ui::Role;
use holdpoint::ui::theme::depth::{contrast, nearest_256, rgb};
use holdpoint::ui::theme::{Depth, Themes};
use ratatui::style::Color;

use super::variables;

#[test]
fn every_built_in_theme_is_without_a_complaint() {
    let themes = Themes::default();
    assert_eq!(themes.names(), ["ansi", "dusk", "mono", "paper"]);
    for name in themes.names() {
        assert_eq!(themes.check(&name), [], "{name}");
        let (theme, _) = themes.get(&name, Depth::TrueColor);
        assert_eq!(theme.name(), name);
    }
}

#[test]
fn text_of_every_role_can_be_read_on_its_own_background() {
    for name in ["dusk", "paper"] {
        let (theme, _) = Themes::default().get(name, Depth::TrueColor);
        for role in Role::ALL {
            let style = theme.style(*role);
            let colors = (style.fg.and_then(rgb), style.bg.and_then(rgb));
            let (Some(fg), Some(bg)) = colors else {
                panic!("{name}: {} has no colour: {style:?}", role.name());
            };
            // Lines around text are no text.
            let wanted = match role {
                Role::Border | Role::Scrollbar => 3.0,
                _ => 4.5,
            };
            let have = contrast(fg, bg);
            assert!(
                have >= wanted,
                "{name}: {} has contrast {have:.2}",
                role.name()
            );
        }
    }
}

#[test]
fn a_theme_of_only_a_palette_is_complete() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("mine.toml");
    std::fs::write(
        &file,
        "[palette]\nfg = \"#ffffff\"\nbg = \"#000000\"\nok = \"#00ff00\"\n",
    )
    .unwrap();
    let themes = Themes::new(Some(folder.path().to_owned()));
    let (theme, complaints) = themes.get("mine", Depth::TrueColor);
    assert_eq!(complaints, []);
    assert_eq!(theme.name(), "mine");
    // node.upgraded falls back to severity.ok; node.failed has no colour here and ends at the base.
    assert_eq!(
        theme.style(Role::NodeUpgraded).fg,
        Some(Color::Rgb(0, 255, 0))
    );
    assert_eq!(
        theme.style(Role::NodeFailed).fg,
        Some(Color::Rgb(255, 255, 255))
    );
    assert_eq!(theme.style(Role::NodeFailed).bg, Some(Color::Rgb(0, 0, 0)));
    assert!(themes.names().contains(&"mine".to_owned()));
}

/// Loads a theme text from a path and returns its first complaint as printed, and the theme that is used.
fn complaint(text: &str) -> (String, String) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("x.toml");
    std::fs::write(&file, text).unwrap();
    let themes = Themes::default();
    let path = file.display().to_string();
    let (theme, complaints) = themes.get(&path, Depth::TrueColor);
    let first = complaints
        .first()
        .map(ToString::to_string)
        .unwrap_or_default();
    (first.replace(&path, "x.toml"), theme.name().to_owned())
}

#[test]
fn a_mistake_in_a_theme_is_told_with_its_place_and_stops_nothing() {
    let (told, used) = complaint("[meta]\nname = \"x\"\n\n[severity]\nokay = \"ok\"\n");
    assert!(
        told.starts_with("x.toml:5:1: unknown key \"okay\" in [severity]; known are info, ok"),
        "{told}"
    );
    assert!(told.ends_with("5 | okay = \"ok\"\n  | ^"), "{told}");
    assert_eq!(used, "x", "the rest of the file is used");

    let (told, used) = complaint("[meta\n");
    assert!(told.starts_with("x.toml:1:6: "), "{told}");
    assert_eq!(used, "dusk", "no TOML at all: the default stands in");

    let cases = [
        ("[colours]\na = 1\n", "x.toml:1:2: unknown table [colours]"),
        (
            "name = \"x\"\n",
            "x.toml:1:1: \"name\" stands outside of a table",
        ),
        (
            "[palette]\nok = \"#12345\"\n",
            "x.toml:2:6: \"#12345\" is not a colour",
        ),
        (
            "[severity]\nok = \"nope\"\n",
            "x.toml:2:6: \"nope\" is not a name in [palette]",
        ),
        (
            "[severity]\nok = { add = [\"blink\"] }\n",
            "x.toml:2:15: not a text mark",
        ),
        (
            "[severity]\nok = 3\n",
            "x.toml:2:6: a style is a palette name",
        ),
        (
            "[meta]\ninherits = \"gone\"\n",
            "gone: there is no such theme; known are ansi, dusk, mono, paper",
        ),
        (
            "[meta]\nmode = \"grey\"\n",
            "x.toml:2:8: \"grey\" is not a mode",
        ),
    ];
    for (text, wanted) in cases {
        let (told, _) = complaint(text);
        assert!(told.starts_with(wanted), "{text}: {told}");
    }
}

#[test]
fn themes_that_inherit_in_a_circle_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("a.toml"), "[meta]\ninherits = \"b\"\n").unwrap();
    std::fs::write(folder.path().join("b.toml"), "[meta]\ninherits = \"a\"\n").unwrap();
    let themes = Themes::new(Some(folder.path().to_owned()));
    let (theme, complaints) = themes.get("a", Depth::TrueColor);
    assert_eq!(theme.name(), "dusk");
    assert!(
        complaints[0].message.contains("a circle"),
        "{}",
        complaints[0]
    );
    assert_eq!(complaints[0].line, 2);
}

#[test]
fn colour_depth_is_decided_in_one_order() {
    let cases: &[(&[(&str, &str)], Depth)] = &[
        (
            &[("TERM", "xterm-256color"), ("COLORTERM", "truecolor")],
            Depth::TrueColor,
        ),
        (&[("TERM", "xterm-256color")], Depth::TwoFiftySix),
        (&[("TERM", "linux")], Depth::Sixteen),
        (&[("TERM", "dumb"), ("COLORTERM", "truecolor")], Depth::None),
        (&[("TERM", "dumb"), ("CLICOLOR_FORCE", "1")], Depth::Sixteen),
        (
            &[
                ("TERM", "xterm-256color"),
                ("NO_COLOR", "1"),
                ("CLICOLOR_FORCE", "1"),
            ],
            Depth::None,
        ),
        (
            &[("TERM", "xterm-256color"), ("NO_COLOR", "")],
            Depth::TwoFiftySix,
        ),
        (&[], Depth::None),
    ];
    for (set, wanted) in cases {
        assert_eq!(Depth::decide(None, variables(set)), *wanted, "{set:?}");
    }
    let flag = Depth::decide(Some(Depth::TrueColor), variables(&[("NO_COLOR", "1")]));
    assert_eq!(flag, Depth::TrueColor, "the flag wins");
}

#[test]
fn fewer_colours_reduce_or_change_the_theme() {
    let themes = Themes::default();
    assert_eq!(nearest_256(0xff, 0, 0), 196);
    assert_eq!(nearest_256(0x80, 0x80, 0x80), 244);
    let (reduced, _) = themes.get("dusk", Depth::TwoFiftySix);
    assert_eq!(reduced.name(), "dusk");
    for role in Role::ALL {
        assert!(
            matches!(reduced.style(*role).fg, Some(Color::Indexed(16..))),
            "{}",
            role.name()
        );
    }
    assert_eq!(themes.get("paper", Depth::Sixteen).0.name(), "ansi");
    let (mono, _) = themes.get("dusk", Depth::None);
    assert_eq!(mono.name(), "mono");
    for role in Role::ALL {
        let style = mono.style(*role);
        assert!(
            matches!(style.fg, None | Some(Color::Reset)),
            "{}",
            role.name()
        );
        assert!(
            matches!(style.bg, None | Some(Color::Reset)),
            "{}",
            role.name()
        );
    }
}
