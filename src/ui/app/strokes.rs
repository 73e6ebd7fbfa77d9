//! Keys as the bytes that a VT100 with xterm's extensions would send.

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

/// Whether this is Ctrl-], which hands the wheel back. Terminals send byte 0x1d for it, which is also Ctrl-5.
pub(super) fn is_chord(key: KeyEvent) -> bool {
    let letter = matches!(key.code, KeyCode::Char(']' | '5'));
    letter && key.modifiers.contains(KeyModifiers::CONTROL)
}

/// What a terminal sends for a key; `application`: the program has asked for the other form of cursor keys. `None` for keys that
/// send nothing.
pub(super) fn bytes(key: KeyEvent, application: bool) -> Option<Vec<u8>> {
    let ctrl = key.modifiers.contains(KeyModifiers::CONTROL);
    let plain = match key.code {
        KeyCode::Char(c) if ctrl => vec![control(c)?],
        KeyCode::Char(c) => c.encode_utf8(&mut [0; 4]).as_bytes().to_vec(),
        KeyCode::Enter => vec![b'\r'],
        KeyCode::Tab => vec![b'\t'],
        KeyCode::Backspace if ctrl => vec![8],
        KeyCode::Backspace => vec![0x7f],
        KeyCode::Esc => vec![0x1b],
        _ => return special(key, application),
    };
    if key.modifiers.contains(KeyModifiers::ALT) {
        return Some([&[0x1b], plain.as_slice()].concat());
    }
    Some(plain)
}

/// The control character of a key, as ASCII has them.
fn control(c: char) -> Option<u8> {
    match c.to_ascii_lowercase() {
        c @ 'a'..='z' => u8::try_from(c).ok().map(|c| c & 0x1f),
        ' ' | '@' | '2' => Some(0),
        '[' | '3' => Some(0x1b),
        '\\' | '4' => Some(0x1c),
        '^' | '6' => Some(0x1e),
        '/' | '_' | '7' => Some(0x1f),
        '?' | '8' => Some(0x7f),
        _ => None,
    }
}

fn special(key: KeyEvent, application: bool) -> Option<Vec<u8>> {
    let modifiers = modifiers(key.modifiers);
    let letter = |letter: char| match modifiers {
        1 if application => format!("\x1bO{letter}"),
        1 => format!("\x1b[{letter}"),
        many => format!("\x1b[1;{many}{letter}"),
    };
    let number = |number: u8| match modifiers {
        1 => format!("\x1b[{number}~"),
        many => format!("\x1b[{number};{many}~"),
    };
    let text = match key.code {
        KeyCode::Up => letter('A'),
        KeyCode::Down => letter('B'),
        KeyCode::Right => letter('C'),
        KeyCode::Left => letter('D'),
        KeyCode::Home => letter('H'),
        KeyCode::End => letter('F'),
        KeyCode::BackTab => "\x1b[Z".into(),
        KeyCode::Insert => number(2),
        KeyCode::Delete => number(3),
        KeyCode::PageUp => number(5),
        KeyCode::PageDown => number(6),
        KeyCode::F(n @ 1..=4) => match modifiers {
            1 => format!("\x1bO{}", char::from(b'O' + n)),
            many => format!("\x1b[1;{many}{}", char::from(b'O' + n)),
        },
        KeyCode::F(n @ 5..=12) => number([15, 17, 18, 19, 20, 21, 23, 24][usize::from(n) - 5]),
        _ => return None,
    };
    Some(text.into_bytes())
}

/// As xterm counts them: 1 for none, then 1 for Shift, 2 for Alt, 4 for Ctrl on top.
fn modifiers(held: KeyModifiers) -> u8 {
    let one = |modifier, worth| if held.contains(modifier) { worth } else { 0 };
    1 + one(KeyModifiers::SHIFT, 1) + one(KeyModifiers::ALT, 2) + one(KeyModifiers::CONTROL, 4)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(code: KeyCode, modifiers: KeyModifiers, application: bool) -> String {
        let bytes = bytes(KeyEvent::new(code, modifiers), application).unwrap_or_default();
        String::from_utf8(bytes)
            .expect("text")
            .replace('\x1b', "^[")
    }

    #[test]
    fn keys_are_what_a_terminal_sends() {
        let (none, ctrl) = (KeyModifiers::NONE, KeyModifiers::CONTROL);
        for (code, modifiers, expected) in [
            (KeyCode::Char('y'), none, "y"),
            (KeyCode::Char('Y'), KeyModifiers::SHIFT, "Y"),
            (KeyCode::Char('\u{e4}'), none, "\u{e4}"),
            (KeyCode::Char('c'), ctrl, "\x03"),
            (KeyCode::Char(' '), ctrl, "\0"),
            (KeyCode::Char('x'), KeyModifiers::ALT, "^[x"),
            (KeyCode::Enter, none, "\r"),
            (KeyCode::Backspace, none, "\x7f"),
            (KeyCode::Tab, none, "\t"),
            (KeyCode::BackTab, KeyModifiers::SHIFT, "^[[Z"),
            (KeyCode::Esc, none, "^["),
            (KeyCode::Up, none, "^[[A"),
            (KeyCode::Left, ctrl, "^[[1;5D"),
            (KeyCode::Delete, none, "^[[3~"),
            (KeyCode::F(1), none, "^[OP"),
            (KeyCode::F(5), none, "^[[15~"),
            (KeyCode::F(12), none, "^[[24~"),
        ] {
            assert_eq!(sent(code, modifiers, false), expected, "{code:?}");
        }
        assert_eq!(sent(KeyCode::Up, none, true), "^[OA");
        assert_eq!(sent(KeyCode::CapsLock, none, false), "");
    }

    #[test]
    fn only_the_chord_is_the_chord() {
        let key = |code, modifiers| is_chord(KeyEvent::new(code, modifiers));
        assert!(key(KeyCode::Char(']'), KeyModifiers::CONTROL));
        assert!(
            key(KeyCode::Char('5'), KeyModifiers::CONTROL),
            "as terminals without extensions send it"
        );
        assert!(!key(KeyCode::Char(']'), KeyModifiers::NONE));
        assert!(!key(KeyCode::Char('c'), KeyModifiers::CONTROL));
    }
}
