//! Screens as text and SVG.

use holdpoint::ui::picture;
use holdpoint::ui::widget::{FrameKind, Panel};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::look;

#[test]
fn a_picture_tells_characters_and_styles() {
    let look = look();
    let mut buf = Buffer::empty(Rect::new(0, 0, 12, 3));
    Panel::new(&look, "日本").render(buf.area, &mut buf);
    assert_eq!(
        picture::text(&buf),
        "╭─ 日本 ───╮\n│          │\n╰──────────╯\n"
    );
    let styled = picture::text_with_styles(&buf);
    assert!(styled.contains("--- styles\n..bbbbbb"), "{styled}");
    assert!(styled.contains("#5b6788 on #14171f"), "{styled}");
    assert!(styled.contains("b #d7dce6 on #14171f bold"), "{styled}");
}

#[test]
fn a_picture_as_svg_is_the_same_every_time_and_escaped() {
    let look = look();
    let mut buf = Buffer::empty(Rect::new(0, 0, 20, 3));
    Panel::new(&look, "a<b&\"c\"")
        .kind(FrameKind::Double)
        .render(buf.area, &mut buf);
    let svg = picture::svg(&buf, &look.theme);
    assert_eq!(svg, picture::svg(&buf.clone(), &look.theme));
    assert!(svg.contains("a&lt;b&amp;&quot;c&quot;"), "{svg}");
    assert!(svg.contains("fill=\"#14171f\""));
    assert!(!svg.contains('═'), "lines are drawn, not typed");
    assert!(svg.starts_with("<svg ") && svg.ends_with("</svg>\n"));
}
