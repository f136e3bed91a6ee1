//! Randomness from the system, for passwords and ports. Nothing that is measured depends on it.

use std::fs::File;
use std::io::{self, Read};

/// # Errors
/// The system has no `/dev/urandom` to read.
pub(crate) fn bytes<const LENGTH: usize>() -> io::Result<[u8; LENGTH]> {
    let mut bytes = [0_u8; LENGTH];
    File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(bytes)
}

/// 128 bits as hexadecimal digits: a password that needs no quoting anywhere.
///
/// # Errors
/// The system has no `/dev/urandom` to read.
pub(crate) fn password() -> io::Result<String> {
    let bytes: [u8; 16] = bytes()?;
    Ok(format!("{:032x}", u128::from_ne_bytes(bytes)))
}
