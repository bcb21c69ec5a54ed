//! The lengths that passwords may have.

/// The most code points a password may have.
pub const MAX_CODE_POINTS: usize = 256;

/// The most bytes a password may have in UTF-8.
pub const MAX_BYTES: usize = 1024;

/// The fewest code points of a password that is the only factor (NIST SP 800-63B-4
/// section 3.1.1.2).
pub const DEFAULT_MIN_LENGTH: usize = 15;

/// The lowest minimum length that may be configured.
pub const LOWEST_MIN_LENGTH: usize = 8;
