//! The Merkle tree of RFC 6962, section 2.1, with SHA-256: roots, inclusion proofs and their check.
//!
//! A bundle's manifest signs the root over its entries, so that one file can be shown to belong to it without the rest.

use crate::digest::{Sha256Digest, Sha256Hasher};

/// The hash of a leaf: SHA-256(0x00 ‖ data).
#[must_use]
pub fn leaf_hash(data: &[u8]) -> Sha256Digest {
    let mut hasher = Sha256Hasher::new();
    hasher.update(&[0]);
    hasher.update(data);
    hasher.finish()
}

/// The hash of an inner node: SHA-256(0x01 ‖ left ‖ right).
#[must_use]
pub fn node_hash(left: &Sha256Digest, right: &Sha256Digest) -> Sha256Digest {
    let mut hasher = Sha256Hasher::new();
    hasher.update(&[1]);
    hasher.update(left.as_bytes());
    hasher.update(right.as_bytes());
    hasher.finish()
}

/// The root over leaf hashes; the root of no leaves is the SHA-256 of nothing.
#[must_use]
pub fn root(leaves: &[Sha256Digest]) -> Sha256Digest {
    match leaves {
        [] => Sha256Digest::of(b""),
        [leaf] => *leaf,
        leaves => {
            let (left, right) = leaves.split_at(split(leaves.len()));
            node_hash(&root(left), &root(right))
        }
    }
}

/// The inclusion proof of leaf `index`, from the leaf's sibling up; `None` when there is no such leaf.
#[must_use]
pub fn inclusion_proof(leaves: &[Sha256Digest], index: usize) -> Option<Vec<Sha256Digest>> {
    if index >= leaves.len() {
        return None;
    }
    let mut proof = Vec::new();
    let (mut leaves, mut index) = (leaves, index);
    while leaves.len() > 1 {
        let (left, right) = leaves.split_at(split(leaves.len()));
        if index < left.len() {
            proof.push(root(right));
            leaves = left;
        } else {
            proof.push(root(left));
            index -= left.len();
            leaves = right;
        }
    }
    proof.reverse();
    Some(proof)
}

/// The root that a proof leads to (RFC 9162, section 2.1.3.2); `None` when the proof has a length that no proof for
/// this leaf in a tree of this size has.
#[must_use]
pub fn root_from_proof(leaf: Sha256Digest, index: u64, size: u64, proof: &[Sha256Digest]) -> Option<Sha256Digest> {
    if index >= size {
        return None;
    }
    let (mut node, mut last) = (index, size - 1);
    let mut hash = leaf;
    for sibling in proof {
        if last == 0 {
            return None;
        }
        if node & 1 == 1 || node == last {
            hash = node_hash(sibling, &hash);
            while node & 1 == 0 && node != 0 {
                node >>= 1;
                last >>= 1;
            }
        } else {
            hash = node_hash(&hash, sibling);
        }
        node >>= 1;
        last >>= 1;
    }
    (last == 0).then_some(hash)
}

/// The largest power of two smaller than `n`, for `n` of at least 2.
fn split(n: usize) -> usize {
    1 << (n - 1).ilog2()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roots_are_those_of_the_published_vectors() {
        // The eight leaves of the certificate-transparency reference tests (Apache-2.0).
        let inputs: [&[u8]; 8] = [
            b"",
            b"\x00",
            b"\x10",
            b"\x20\x21",
            b"\x30\x31",
            b"\x40\x41\x42\x43",
            b"\x50\x51\x52\x53\x54\x55\x56\x57",
            b"\x60\x61\x62\x63\x64\x65\x66\x67\x68\x69\x6a\x6b\x6c\x6d\x6e\x6f",
        ];
        let leaves: Vec<_> = inputs.iter().map(|data| leaf_hash(data)).collect();
        for (size, expected) in [
            (0, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
            (1, "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"),
            (2, "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"),
            (8, "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"),
        ] {
            assert_eq!(root(&leaves[..size]).to_string(), expected, "{size} leaves");
        }
    }

    #[test]
    fn proofs_hold_for_their_leaf_and_for_no_other() {
        for size in 1..=33_usize {
            let leaves: Vec<_> = (0..size).map(|n| leaf_hash(&n.to_be_bytes())).collect();
            let expected = Some(root(&leaves));
            for index in 0..size {
                let proof = inclusion_proof(&leaves, index).unwrap();
                let check = |leaf, index| root_from_proof(leaf, index as u64, size as u64, &proof);
                assert_eq!(check(leaves[index], index), expected, "{index} of {size}");
                for other in (0..size).filter(|other| *other != index) {
                    assert_ne!(check(leaves[other], index), expected);
                    assert_ne!(check(leaves[index], other), expected);
                }
                let longer: Vec<_> = proof.iter().copied().chain([leaves[0]]).collect();
                assert_ne!(root_from_proof(leaves[index], index as u64, size as u64, &longer), expected);
            }
            assert_eq!(inclusion_proof(&leaves, size), None);
        }
    }
}
