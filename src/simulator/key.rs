//! What an answer depends on, folded into one number.
//!
//! The same seed and the same parts give the same key on every machine and in every version, so it
//! is written out here instead of taken from a hasher that may change.

/// A 64-bit FNV-1a hash over a seed and the parts that were added to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Key(u64);

impl Key {
    /// The key of a seed alone.
    pub(super) fn new(seed: u64) -> Self {
        Self(0xcbf2_9ce4_8422_2325).number(seed)
    }

    /// This key with a text added, so that `ab` + `c` and `a` + `bc` differ.
    pub(super) fn text(self, text: &str) -> Self {
        self.bytes(text.as_bytes()).number(text.len() as u64)
    }

    /// This key with a number added.
    pub(super) fn number(self, number: u64) -> Self {
        self.bytes(&number.to_le_bytes())
    }

    fn bytes(self, bytes: &[u8]) -> Self {
        Self(bytes.iter().fold(self.0, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)))
    }

    /// The key as a well mixed number: FNV alone leaves its high bits poor.
    pub(super) fn value(self) -> u64 {
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// The key as a number from 0 up to, not including, 1.
    pub(super) fn fraction(self) -> f64 {
        (self.value() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// A row of draws that depends on this key alone.
    pub(super) fn draws(self) -> fastrand::Rng {
        fastrand::Rng::with_seed(self.value())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_depends_on_the_seed_and_on_where_parts_end() {
        let of = |seed, parts: &[&str]| parts.iter().fold(Key::new(seed), |key, part| key.text(part)).value();
        assert_eq!(of(1, &["ab", "c"]), of(1, &["ab", "c"]));
        assert_ne!(of(1, &["ab", "c"]), of(2, &["ab", "c"]));
        assert_ne!(of(1, &["ab", "c"]), of(1, &["a", "bc"]));
    }

    #[test]
    fn fractions_are_spread_evenly() {
        let low = (0..1_000).filter(|number| Key::new(7).number(*number).fraction() < 0.1).count();
        assert!((60..140).contains(&low), "{low}");
    }
}
