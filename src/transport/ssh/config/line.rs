//! One line of ssh_config, taken apart exactly as ssh(1) does (`strdelim` and `argv_split` in its `misc.c`).
//!
//! There are two ways of splitting, and ssh uses both on one line: keywords and `Match` criteria end at a blank or one
//! `=` and know double quotes only; all other arguments end at a blank and know both quotes and the backslash.

const BLANKS: [char; 4] = [' ', '\t', '\r', '\n'];

/// A line that says something: its keyword in lower case and the rest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) keyword: String,
    /// From the first argument on, quotes and comments included.
    pub(super) rest: String,
}

impl Line {
    /// Nothing for a blank line or a comment; an error in words when there is a keyword and nothing after it.
    pub(super) fn parse(text: &str) -> Result<Option<Self>, String> {
        let text = text.trim_end_matches(|c| BLANKS.contains(&c) || c == '\x0c');
        let mut left = Some(text.to_owned());
        let mut keyword = delimited(&mut left);
        if keyword.as_deref() == Some("") {
            keyword = delimited(&mut left);
        }
        let Some(keyword) = keyword.filter(|word| !word.is_empty() && !word.starts_with('#'))
        else {
            return Ok(None);
        };
        let keyword = keyword.to_ascii_lowercase();
        let rest = left.unwrap_or_default();
        let rest = rest.trim_start_matches(BLANKS);
        if rest.is_empty() {
            return Err(format!("{keyword} says nothing"));
        }
        Ok(Some(Self {
            keyword,
            rest: rest.to_owned(),
        }))
    }

    /// The arguments; an error in words when a quote is not closed.
    pub(super) fn words(&self) -> Result<Vec<String>, String> {
        words(&self.rest).ok_or_else(|| "a quote is not closed".to_owned())
    }

    /// Everything after the keyword, as commands and jump hosts are read.
    pub(super) fn whole(&self) -> &str {
        self.rest
            .trim_start_matches(|c| BLANKS.contains(&c) || c == '=')
    }
}

/// Takes the next word off `left`. Nothing when there is none, or when a quote is not closed; then nothing is left.
pub(super) fn delimited(left: &mut Option<String>) -> Option<String> {
    let mut text = left.take()?;
    let stop = |c: char| BLANKS.contains(&c) || c == '"' || c == '=';
    let Some(at) = text.find(stop) else {
        return Some(text);
    };
    if text[at..].starts_with('"') {
        text.remove(at);
        let end = at + text[at..].find('"')?;
        *left = Some(text[end + 1..].trim_start_matches(BLANKS).to_owned());
        text.truncate(end);
        return Some(text);
    }
    let by_equals = text[at..].starts_with('=');
    let mut after = text[at + 1..].trim_start_matches(BLANKS);
    if !by_equals && let Some(more) = after.strip_prefix('=') {
        after = more.trim_start_matches(BLANKS);
    }
    *left = Some(after.to_owned());
    text.truncate(at);
    Some(text)
}

/// Splits at blanks, takes quotes and backslashes away, stops at a word that begins with `#`.
fn words(text: &str) -> Option<Vec<String>> {
    let mut words = Vec::new();
    let mut letters = text.chars().peekable();
    loop {
        while letters.next_if(|c| matches!(c, ' ' | '\t')).is_some() {}
        match letters.peek() {
            None | Some('#') => return Some(words),
            Some(_) => words.push(word(&mut letters)?),
        }
    }
}

fn word(letters: &mut std::iter::Peekable<std::str::Chars<'_>>) -> Option<String> {
    let mut word = String::new();
    let mut quote = None;
    while let Some(letter) = letters.next() {
        match (letter, quote) {
            ('\\', _) => {
                let escaped = letters.next_if(|next| {
                    matches!(next, '\'' | '"' | '\\') || (quote.is_none() && *next == ' ')
                });
                word.push(escaped.unwrap_or('\\'));
            }
            (' ' | '\t', None) => return Some(word),
            ('"' | '\'', None) => quote = Some(letter),
            (_, Some(open)) if letter == open => quote = None,
            (other, _) => word.push(other),
        }
    }
    quote.is_none().then_some(word)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(text: &str) -> (String, Vec<String>) {
        let line = Line::parse(text).unwrap().unwrap();
        let words = line.words().unwrap();
        (line.keyword, words)
    }

    #[test]
    fn a_line_is_taken_apart_as_ssh_does() {
        let cases: [(&str, &str, &[&str]); 9] = [
            ("Port 22", "port", &["22"]),
            ("  Port=22  ", "port", &["22"]),
            ("\tPort\t = 22 # why", "port", &["22"]),
            ("Port = =22", "port", &["=22"]),
            ("User \"a b\" c", "user", &["a b", "c"]),
            ("User a\\ b'c d'\"e'\"", "user", &["a bc de'"]),
            ("\"Host\" x#y z", "host", &["x#y", "z"]),
            ("User \\n\\\\", "user", &["\\n\\"]),
            ("User 'a\\ b'", "user", &["a\\ b"]),
        ];
        for (text, keyword, words) in cases {
            let (found, split) = split(text);
            assert_eq!(
                (found.as_str(), split),
                (keyword, words.iter().map(|w| w.to_string()).collect()),
                "{text}"
            );
        }
        assert_eq!(Line::parse("   # a comment"), Ok(None));
        assert_eq!(Line::parse(""), Ok(None));
        assert!(Line::parse("Port").is_err());
        assert!(Line::parse("User \"a").unwrap().unwrap().words().is_err());
        assert_eq!(
            Line::parse("ProxyCommand = nc %h # %p")
                .unwrap()
                .unwrap()
                .whole(),
            "nc %h # %p"
        );
    }
}
