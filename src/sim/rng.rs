//! A small seeded generator. The seed is printed with every rehearsal.

use crate::model::time::Span;

/// A stream of numbers that depends on its seed alone (SplitMix64, as published by Steele, Lea and Flood, 2014).
#[derive(Clone, Debug)]
pub struct Rng(u64);

impl Rng {
    /// The stream of one thing, told by `key`. What other things draw does not move it, so a rehearsal whose requests
    /// come in another order still gives each job the same time.
    pub fn keyed(seed: u64, key: &[&str]) -> Rng {
        // FNV-1a, with a separator that stands in no name.
        let bytes = key.iter().flat_map(|part| part.bytes().chain([0xff]));
        let hash = bytes.fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
        Rng(seed ^ hash)
    }

    /// The next number.
    pub fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A span from `least` to `most`, both included.
    pub fn between(&mut self, least: Span, most: Span) -> Span {
        let width = (most - least).0.saturating_add(1);
        Span(least.0 + self.draw() % width)
    }

    /// A span around `typical`: up to a tenth shorter or longer.
    pub fn around(&mut self, typical: Span) -> Span {
        let tenth = Span(typical.0 / 10);
        self.between(typical - tenth, typical + tenth)
    }
}
