//! How long to wait before the next try to reach a node: pure.

use std::time::Duration;

/// Whole seconds before the second, third, ... try; the last one repeats.
///
/// Servers from OpenSSH 9.8 on lock out sources that connect too often without a login; at this pace a node that
/// is booting sees at most four tries a minute.
const STEPS: [u64; 5] = [1, 2, 4, 8, 15];

/// The least wait after a close before the greeting: the server is refusing or penalising this source.
const AFTER_REFUSAL: Duration = Duration::from_secs(30);

/// The longest delay before the first try after a loss (milliseconds).
const FIRST: u64 = 1000;

/// Delay between the loss of a connection and the first try to have another, drawn from `seed`: at most a second.
///
/// What takes away one connection often takes away all of them, and they must not all come back in the same moment.
pub fn first(seed: u64) -> Duration {
    Duration::from_millis(mix(seed) % FIRST)
}

/// Delay after failed try number `attempt` (from 0), shortened by up to a quarter by a jitter drawn from `seed`.
///
/// The jitter keeps the nodes of one cluster from being called in step. Equal arguments give equal delays.
pub fn delay(attempt: u32, seed: u64) -> Duration {
    let last = STEPS.len() - 1;
    let step = usize::try_from(attempt).map_or(last, |attempt| attempt.min(last));
    let whole = STEPS[step] * 1000;
    let shorter = mix(seed ^ (u64::from(attempt) << 32)) % (whole / 4 + 1);
    Duration::from_millis(whole - shorter)
}

/// As [`delay`], but never under half a minute: for a server that closed before its greeting.
pub fn delay_after_refusal(attempt: u32, seed: u64) -> Duration {
    AFTER_REFUSAL + delay(attempt, seed)
}

/// The finaliser of SplitMix64: spreads neighbouring seeds over all 64 bits.
fn mix(seed: u64) -> u64 {
    let mut z = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_grow_to_fifteen_seconds_and_stay_within_a_quarter() {
        for seed in 0..200 {
            for (attempt, whole) in [1, 2, 4, 8, 15, 15, 15].into_iter().enumerate() {
                let delay = delay(attempt as u32, seed).as_millis();
                assert!(
                    delay <= whole * 1000 && delay >= whole * 750,
                    "{attempt}: {delay}"
                );
            }
        }
        assert_eq!(delay(u32::MAX, 7), delay(u32::MAX, 7));
    }

    #[test]
    fn nodes_are_not_called_in_step() {
        let mut delays: Vec<_> = (0..20).map(|seed| delay(4, seed)).collect();
        delays.sort();
        delays.dedup();
        assert!(delays.len() > 15, "{} different delays of 20", delays.len());
    }

    #[test]
    fn a_refusing_server_is_left_alone_for_half_a_minute() {
        assert!(delay_after_refusal(0, 1) >= Duration::from_secs(30));
    }
}
