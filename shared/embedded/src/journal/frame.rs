//! Frames of append-only files: length and CRC-32 (both little-endian), then the payload. The CRC covers the length
//! too, so that a tail of zeros, which a loss of power can leave, is no row of empty frames.

/// Largest payload, in bytes: an entry is a key of at most some 300 characters, a parked reason at most 2,000.
pub(crate) const FRAME_BYTES_MAX: usize = 16 * 1024;

/// Adds one frame to `bytes`. A payload is never empty and never longer than [`FRAME_BYTES_MAX`].
pub(crate) fn write(bytes: &mut Vec<u8>, payload: &[u8]) {
    debug_assert!(!payload.is_empty() && payload.len() <= FRAME_BYTES_MAX);
    let length = (payload.len() as u32).to_le_bytes();
    bytes.extend_from_slice(&length);
    bytes.extend_from_slice(&crc(length, payload).to_le_bytes());
    bytes.extend_from_slice(payload);
}

/// The payload of the frame at the beginning of `bytes`, and the bytes after it; `None` when there is no whole frame.
pub(crate) fn read(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    let (sum, rest) = rest.split_first_chunk::<4>()?;
    let (payload, rest) = rest.split_at_checked(u32::from_le_bytes(*length) as usize)?;
    let is_whole =
        !payload.is_empty() && payload.len() <= FRAME_BYTES_MAX && crc(*length, payload) == u32::from_le_bytes(*sum);
    is_whole.then_some((payload, rest))
}

fn crc(length: [u8; 4], payload: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&length);
    hasher.update(payload);
    hasher.finalize()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_tail_of_zeros_is_no_frame() {
        assert_eq!(read(&[0; 64]), None);
    }

    proptest! {
        #[test]
        fn what_was_written_is_read_and_what_is_torn_is_not(
            payloads in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..100), 1..10),
            cut in any::<prop::sample::Index>(),
        ) {
            let mut bytes = Vec::new();
            let mut ends = vec![0];
            for payload in &payloads {
                write(&mut bytes, payload);
                ends.push(bytes.len());
            }
            let cut = cut.index(bytes.len());
            let mut rest = &bytes[..cut];
            let mut count = 0;
            while let Some((payload, after)) = read(rest) {
                prop_assert_eq!(payload, &payloads[count]);
                (rest, count) = (after, count + 1);
            }
            prop_assert_eq!(count, ends.iter().filter(|end| **end > 0 && **end <= cut).count());
        }
    }
}
