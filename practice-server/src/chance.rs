//! Chance that repeats: a number in [0, 1) from a seed and what the client chose. No shared generator, no counter and
//! no clock take part, so the same load meets the same fate again, whatever the order of its requests.

use xxhash_rust::xxh3::Xxh3;

/// The number that belongs to these parts. Where one part ends and the next begins makes a difference.
pub(crate) fn unit(seed: u64, parts: &[&[u8]]) -> f64 {
    // The upper 53 bits, which is what a float holds exactly.
    (hash(seed, parts) >> 11) as f64 / (1_u64 << 53) as f64
}

/// The hash that [`unit`] is made of.
pub(crate) fn hash(seed: u64, parts: &[&[u8]]) -> u64 {
    let mut hash = Xxh3::with_seed(seed);
    for part in parts {
        hash.update(&(part.len() as u64).to_le_bytes());
        hash.update(part);
    }
    hash.digest()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_repeats_and_depends_on_seed_and_parts() {
        assert_eq!(unit(1, &[b"a", b"b"]), unit(1, &[b"a", b"b"]));
        for other in [unit(2, &[b"a", b"b"]), unit(1, &[b"ab"]), unit(1, &[b"b", b"a"])] {
            assert_ne!(other, unit(1, &[b"a", b"b"]));
        }
        assert!((0..1_000_u32).all(|n| (0.0..1.0).contains(&unit(0, &[&n.to_le_bytes()]))));
    }
}
