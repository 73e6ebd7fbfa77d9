//! Any value in a script: read back as POSIX `sh` reads a word it is that value, and nothing of it stands outside quotes that
//! means something to `sh`.
#![no_main]

use holdpoint::model::script::{Class, Script};
use libfuzzer_sys::fuzz_target;

/// What `sh` makes of an assignment's right side, as XCU 2.2 says; `None` if it is not one plain word.
fn read_word(text: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    let (mut word, mut at) = (Vec::new(), 0);
    while let Some(&byte) = text.get(at) {
        at += 1;
        match byte {
            b'\n' => return Some((word, &text[at..])),
            b'\'' => {
                let long = text[at..].iter().position(|byte| *byte == b'\'')?;
                word.extend_from_slice(&text[at..at + long]);
                at += long + 1;
            }
            b'"' => loop {
                let byte = *text.get(at)?;
                at += 1;
                match byte {
                    b'"' => break,
                    b'$' | b'`' => return None,
                    b'\\' => {
                        let next = *text.get(at)?;
                        at += 1;
                        match next {
                            b'$' | b'`' | b'"' | b'\\' => word.push(next),
                            b'\n' => {}
                            other => word.extend([b'\\', other]),
                        }
                    }
                    other => word.push(other),
                }
            },
            b'\\' => {
                let next = *text.get(at)?;
                at += 1;
                if next != b'\n' {
                    word.push(next);
                }
            }
            plain if plain.is_ascii_alphanumeric() || b"+-./:@]_,^=%".contains(&plain) => {
                word.push(plain)
            }
            _ => return None,
        }
    }
    None
}

fuzz_target!(|text: &str| {
    let (body, name) = ("echo end", "value".to_string());
    let made = Script::assemble(Class::Read, &[(name, text.into())], &[], body);
    let Ok(script) = made else {
        assert!(text.contains('\0'), "only a NUL cannot be quoted");
        return;
    };
    let rest = script.text.strip_prefix("value=").expect("its variable");
    let (word, rest) = read_word(rest.as_bytes()).expect("one plain word");
    assert_eq!(word, text.as_bytes());
    assert_eq!(rest, b"echo end\n");
    let bytes = shlex::bytes::try_quote(text.as_bytes()).expect("no NUL");
    let line = [&bytes[..], b"\n"].concat();
    assert_eq!(read_word(&line).expect("one plain word").0, text.as_bytes());
});
