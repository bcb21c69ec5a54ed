//! Checks RSA public keys before they are trusted.

use super::error::KeyError;

/// The odd primes up to 167. No modulus of two large primes is divisible by one of them.
const PRIMES: [u32; 38] = [
    3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97,
    101, 103, 107, 109, 113, 127, 131, 137, 139, 149, 151, 157, 163, 167,
];

/// Checks the modulus `n` and the exponent `e`, both big-endian.
pub(super) fn check(n: &[u8], e: &[u8]) -> Result<(), KeyError> {
    let (Some(first), Some(last)) = (n.first(), n.last()) else {
        return Err(KeyError::Weak("no modulus"));
    };
    // RFC 7518 section 2: a Base64urlUInt has no leading zeros, so that each key has exactly one form
    if *first == 0 || e.first().is_none_or(|first| *first == 0) {
        return Err(KeyError::Malformed("a number with leading zeros"));
    }
    let bits = n.len().saturating_mul(8) - first.leading_zeros() as usize;
    if bits < 2048 {
        return Err(KeyError::Weak("an RSA modulus under 2048 bits"));
    }
    if bits > 8192 {
        return Err(KeyError::Malformed("an RSA modulus over 8192 bits"));
    }
    if last % 2 == 0 || PRIMES.iter().any(|prime| residue(n, *prime) == 0) {
        return Err(KeyError::Weak("an RSA modulus with a small factor"));
    }
    check_exponent(e)
}

/// Checks that the exponent is odd and above 2^16 (FIPS 186-5 appendix A.1.1) and that aws-lc supports it, which
/// allows at most 33 bits.
fn check_exponent(e: &[u8]) -> Result<(), KeyError> {
    if e.len() > 5 {
        return Err(KeyError::Malformed("an RSA exponent over 33 bits"));
    }
    let value = e.iter().fold(0u64, |sum, byte| sum << 8 | u64::from(*byte));
    if value < 65537 || value % 2 == 0 {
        return Err(KeyError::Weak(
            "an RSA exponent that is even or under 65537",
        ));
    }
    Ok(())
}

/// Returns the remainder of `n` divided by `prime`.
fn residue(n: &[u8], prime: u32) -> u32 {
    n.iter()
        .fold(0, |sum, byte| (sum * 256 + u32::from(*byte)) % prime)
}

#[cfg(test)]
mod tests {
    use super::*;

    const F4: [u8; 3] = [1, 0, 1];

    /// Returns a number of `length` bytes without a factor up to 167.
    fn valid_modulus(length: usize) -> Vec<u8> {
        let mut n = vec![0xc3; length];
        for low in (1..=255).step_by(2) {
            n[length - 1] = low;
            if PRIMES.iter().all(|prime| residue(&n, *prime) != 0) {
                return n;
            }
        }
        panic!("no such number");
    }

    #[test]
    fn a_modulus_of_2047_bits_is_refused_and_one_of_2048_accepted() {
        let n = valid_modulus(256);
        assert_eq!(check(&n, &F4), Ok(()));
        let mut short = n.clone();
        short[0] = 0x7f;
        assert_eq!(
            check(&short, &F4),
            Err(KeyError::Weak("an RSA modulus under 2048 bits"))
        );
        assert!(check(&valid_modulus(128), &F4).is_err());
        assert_eq!(check(&valid_modulus(1024), &F4), Ok(()));
        assert!(check(&valid_modulus(1025), &F4).is_err());
    }

    #[test]
    fn an_even_modulus_is_refused() {
        let mut n = vec![0; 256];
        n[0] = 0x80;
        assert!(PRIMES.iter().all(|prime| residue(&n, *prime) != 0));
        let refused = Err(KeyError::Weak("an RSA modulus with a small factor"));
        assert_eq!(check(&n, &F4), refused);
    }

    #[test]
    fn a_modulus_with_a_small_factor_is_refused() {
        let mut even = valid_modulus(256);
        even[255] &= 0xfe;
        assert!(check(&even, &F4).is_err());
        let mut by_three = valid_modulus(256);
        while residue(&by_three, 3) != 0 {
            by_three[255] = by_three[255].wrapping_add(2);
        }
        assert!(check(&by_three, &F4).is_err());
    }

    #[test]
    fn a_small_even_long_or_padded_exponent_is_refused() {
        let n = valid_modulus(256);
        for e in [
            &[][..],
            &[0],
            &[1],
            &[3],
            &[0xff, 0xff],
            &[1, 0, 0],
            &[1, 0, 2],
            &[0, 1, 0, 1],
            &[1, 0, 0, 0, 0, 1],
        ] {
            assert!(check(&n, e).is_err(), "{e:?}");
        }
        assert_eq!(check(&n, &[1, 0, 3]), Ok(()));
    }

    #[test]
    fn an_empty_modulus_or_one_with_leading_zeros_is_refused() {
        assert!(check(&[&[0][..], &valid_modulus(256)].concat(), &F4).is_err());
        assert!(check(&[], &F4).is_err());
        assert!(check(&[0; 256], &F4).is_err());
    }

    #[test]
    fn the_primes_are_the_odd_primes_up_to_167() {
        let primes = (3..=167u32).filter(|n| (2..*n).all(|d| n % d != 0));
        assert_eq!(primes.collect::<Vec<_>>(), PRIMES);
    }
}
