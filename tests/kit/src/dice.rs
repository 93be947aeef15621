//! Choices at random that can be had again: all follow from a seed, which a test prints.

/// A small generator (xorshift64*): the same seed, the same numbers.
#[derive(Debug, Clone)]
pub struct Dice(u64);

impl Dice {
    /// Rolls that follow from this seed.
    pub fn new(seed: u64) -> Self {
        // A state of zero would stay zero.
        Self(if seed == 0 { 0x9e37_79b9_7f4a_7c15 } else { seed })
    }

    /// The seed that `PARAPET_SEED` asks for, or one of this moment.
    ///
    /// # Panics
    /// When `PARAPET_SEED` is no number.
    pub fn seed() -> u64 {
        match std::env::var("PARAPET_SEED") {
            Ok(text) => text.parse().unwrap_or_else(|_| panic!("PARAPET_SEED is no number: {text:?}")),
            Err(_) => u64::from(uuid::Uuid::new_v4().as_u128() as u32),
        }
    }

    /// The next number.
    pub fn roll(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// A number from 0 up to, and without, `bound`.
    pub fn below(&mut self, bound: usize) -> usize {
        (self.roll() >> 16) as usize % bound.max(1)
    }

    /// One of several.
    pub fn pick<'a>(&mut self, from: &[&'a str]) -> &'a str {
        from[self.below(from.len())]
    }

    /// Bytes that mean nothing.
    pub fn noise(&mut self, length: usize) -> Vec<u8> {
        (0..length).map(|_| (self.roll() >> 32) as u8).collect()
    }
}
