//! Merkle trees as RFC 9162 section 2.1 has them.

use sha2::{Digest, Sha256};

/// A SHA-256 hash.
pub type Hash = [u8; 32];

/// The hash of an entry: SHA-256 over an octet 0 and its line.
pub fn leaf(line: &[u8]) -> Hash {
    Sha256::new().chain_update([0]).chain_update(line).finalize().into()
}

/// The hash of two subtrees: SHA-256 over an octet 1 and both hashes.
pub fn node(left: &Hash, right: &Hash) -> Hash {
    Sha256::new().chain_update([1]).chain_update(left).chain_update(right).finalize().into()
}

/// A tree that grows leaf by leaf and keeps no more than one hash for each bit of their number.
#[derive(Clone, Debug, Default)]
pub struct Tree {
    /// The whole subtrees from left to right: as high as the set bits of `leaves`.
    whole: Vec<Hash>,
    leaves: u64,
}

impl Tree {
    /// Adds the next leaf on the right.
    pub fn push(&mut self, leaf: Hash) {
        let mut hash = leaf;
        for _ in 0..self.leaves.trailing_ones() {
            if let Some(left) = self.whole.pop() {
                hash = node(&left, &hash);
            }
        }
        self.whole.push(hash);
        self.leaves += 1;
    }

    /// How many leaves it has.
    pub fn len(&self) -> u64 {
        self.leaves
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.leaves == 0
    }

    /// The root; of no leaves at all the hash of nothing.
    pub fn root(&self) -> Hash {
        let joined = self.whole.iter().rev().copied().reduce(|right, left| node(&left, &right));
        joined.unwrap_or_else(|| Sha256::digest([]).into())
    }
}

impl FromIterator<Hash> for Tree {
    fn from_iter<I: IntoIterator<Item = Hash>>(leaves: I) -> Self {
        let mut tree = Self::default();
        leaves.into_iter().for_each(|leaf| tree.push(leaf));
        tree
    }
}

/// The proof that the leaf at `index` is in the tree of `leaves` (RFC 9162 section 2.1.3.1), from below to above; `None`
/// when there is no such leaf.
pub fn inclusion_proof(leaves: &[Hash], index: usize) -> Option<Vec<Hash>> {
    if index >= leaves.len() {
        return None;
    }
    let mut proof = Vec::new();
    let (mut part, mut index) = (leaves, index);
    while part.len() > 1 {
        let (left, right) = part.split_at(part.len().next_power_of_two() / 2);
        let beside = if index < left.len() { right } else { left };
        proof.push(beside.iter().copied().collect::<Tree>().root());
        if index < left.len() {
            part = left;
        } else {
            index -= left.len();
            part = right;
        }
    }
    proof.reverse();
    Some(proof)
}

/// The root of a tree of `size` leaves by the proof of its leaf at `index` (RFC 9162 section 2.1.3.2); `None` when the
/// proof is too short, too long, or there is no such leaf.
pub fn root_by_proof(leaf: Hash, index: u64, size: u64, proof: &[Hash]) -> Option<Hash> {
    if index >= size {
        return None;
    }
    let (mut at, mut last, mut hash) = (index, size - 1, leaf);
    for beside in proof {
        if last == 0 {
            return None;
        }
        if at % 2 == 1 || at == last {
            hash = node(beside, &hash);
            let up = if at % 2 == 0 { at.trailing_zeros().min(63) } else { 0 };
            (at, last) = (at >> up, last >> up);
        } else {
            hash = node(&hash, beside);
        }
        (at, last) = (at >> 1, last >> 1);
    }
    (last == 0).then_some(hash)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::hex;
    use proptest::prelude::*;

    /// The inputs that RFC 6962's reference implementation is tested with.
    const INPUTS: [&[u8]; 8] = [
        b"",
        b"\0",
        b"\x10",
        b"\x20\x21",
        b"\x30\x31",
        b"\x40\x41\x42\x43",
        b"\x50\x51\x52\x53\x54\x55\x56\x57",
        b"\x60\x61\x62\x63\x64\x65\x66\x67\x68\x69\x6a\x6b\x6c\x6d\x6e\x6f",
    ];

    const ROOTS: [&str; 9] = [
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
        "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
        "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
    ];

    fn leaves(count: usize) -> Vec<Hash> {
        INPUTS[..count].iter().map(|input| leaf(input)).collect()
    }

    #[test]
    fn roots_are_those_of_rfc_9162_for_the_inputs_of_the_reference_implementation() {
        for (count, root) in ROOTS.iter().enumerate() {
            assert_eq!(&hex(&leaves(count).into_iter().collect::<Tree>().root()), root, "{count} leaves");
        }
    }

    #[test]
    fn proofs_are_those_of_rfc_9162() {
        let proof = |index, count| -> Vec<String> {
            inclusion_proof(&leaves(count), index).unwrap().iter().map(|hash| hex(hash)).collect()
        };
        assert_eq!(
            proof(5, 8),
            [
                "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
                "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
                "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
            ]
        );
        assert_eq!(proof(2, 3), ["fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"]);
        assert_eq!(
            proof(1, 5),
            [
                "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
                "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
                "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
            ]
        );
        assert_eq!(inclusion_proof(&leaves(3), 3), None);
        assert_eq!(inclusion_proof(&[], 0), None);
    }

    /// Written as RFC 9162 section 2.1.1 defines it.
    fn by_definition(leaves: &[Hash]) -> Hash {
        match leaves {
            [] => Sha256::digest([]).into(),
            [only] => *only,
            _ => {
                let (left, right) = leaves.split_at(leaves.len().next_power_of_two() / 2);
                node(&by_definition(left), &by_definition(right))
            }
        }
    }

    proptest! {
        #[test]
        fn a_tree_that_grows_has_the_root_of_the_definition(count in 0_usize..300) {
            let leaves: Vec<Hash> = (0..count).map(|at| leaf(&at.to_be_bytes())).collect();
            prop_assert_eq!(leaves.iter().copied().collect::<Tree>().root(), by_definition(&leaves));
        }

        #[test]
        fn each_leaf_has_a_proof_and_no_other_leaf_place_or_size_fits_it(count in 1_usize..200, at: prop::sample::Index, other: prop::sample::Index) {
            let leaves: Vec<Hash> = (0..count).map(|at| leaf(&at.to_be_bytes())).collect();
            let (at, other, size) = (at.index(count), other.index(count), count as u64);
            let root = by_definition(&leaves);
            let proof = inclusion_proof(&leaves, at).unwrap();
            prop_assert_eq!(root_by_proof(leaves[at], at as u64, size, &proof), Some(root));
            if other != at {
                prop_assert_ne!(root_by_proof(leaves[other], at as u64, size, &proof), Some(root));
                prop_assert_ne!(root_by_proof(leaves[at], other as u64, size, &proof), Some(root));
            }
            prop_assert_eq!(root_by_proof(leaves[at], size, size, &proof), None);
            let longer = [proof.as_slice(), &[root]].concat();
            prop_assert_eq!(root_by_proof(leaves[at], at as u64, size, &longer), None);
            if let Some((_, shorter)) = proof.split_last() {
                prop_assert_eq!(root_by_proof(leaves[at], at as u64, size, shorter), None);
            }
        }
    }
}
