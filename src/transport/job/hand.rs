//! Who may write into a job's input, as the node has it.

/// The node's mark: see `wheel.sh`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hand {
    /// Number of the last act at the wheel; 0 before the first.
    pub act: u64,
    /// A human types; no answer is written.
    pub held: bool,
    /// The keys of the acts up to this one were written.
    pub typed: u64,
    /// Of those after `typed` up to this one nobody knows.
    pub unsure: u64,
}

impl Hand {
    /// `4.held.3.3`; `None` if it is not of that form.
    pub(super) fn parse(text: &str) -> Option<Hand> {
        let mut parts = text.split('.');
        let act = parts.next()?.parse().ok()?;
        let held = match parts.next()? {
            "free" => false,
            "held" | "typing" => true,
            _ => return None,
        };
        let (typed, unsure) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
        parts.next().is_none().then_some(Hand {
            act,
            held,
            typed,
            unsure,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_is_read_as_a_whole_or_not_at_all() {
        let hand = |act, held, typed, unsure| {
            Some(Hand {
                act,
                held,
                typed,
                unsure,
            })
        };
        assert_eq!(Hand::parse("0.free.0.0"), hand(0, false, 0, 0));
        assert_eq!(Hand::parse("7.typing.5.7"), hand(7, true, 5, 7));
        for bad in [
            "",
            "7",
            "7.held.5",
            "7.gone.5.5",
            "7.held.5.5.5",
            "x.held.5.5",
        ] {
            assert_eq!(Hand::parse(bad), None, "{bad:?}");
        }
    }
}
