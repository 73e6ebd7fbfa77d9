//! How long a remark stands where something else may want to be said.

use std::time::{Duration, Instant};

/// How long one line is read at most.
const READ: Duration = Duration::from_secs(20);

/// Watches one line and takes it away when it was there for some time.
#[derive(Debug, Default)]
pub(super) struct Fade {
    line: Option<(String, Instant)>,
}

impl Fade {
    /// Empties `line` when it has stood there long enough; whether it did.
    pub(super) fn look(&mut self, line: &mut Option<String>, now: Instant) -> bool {
        match (line.as_ref(), &self.line) {
            (None, _) => self.line = None,
            (Some(text), Some((known, since))) if text == known => {
                if now.duration_since(*since) >= READ {
                    *line = None;
                    self.line = None;
                    return true;
                }
            }
            (Some(text), _) => self.line = Some((text.clone(), now)),
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_taken_away_after_its_time_and_a_new_one_gets_its_own() {
        let (mut fade, start) = (Fade::default(), Instant::now());
        let mut line = Some("Not now: a step is running.".to_string());
        assert!(!fade.look(&mut line, start));
        line = Some("Theme paper.".into());
        assert!(!fade.look(&mut line, start + READ), "another line");
        assert!(!fade.look(&mut line, start + READ));
        assert!(fade.look(&mut line, start + READ + READ));
        assert_eq!(line, None);
    }
}
