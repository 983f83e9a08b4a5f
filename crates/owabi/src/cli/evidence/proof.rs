//! That an entry was sealed: its path to the root of its seal, and the seals from there to the head.

use crate::cli::exit::Failure;
use crate::evidence::bundle::Known;
use owabi_core::ids::hex;
use owabi_core::ledger::{
    Finding, Hash, Head, PublicKey, Ranges, Seal, StoredSeal, Verifier, inclusion_proof, leaf, root_by_proof,
};
use owabi_store::Snapshot;
use serde_json::{Value, json};

const PAGE: i64 = 1_000;

/// All seals of a ledger, signed and chained.
pub(super) struct Chain {
    pub(super) seals: Vec<(Seal, StoredSeal)>,
    pub(super) head: Option<Head>,
}

/// One entry's proof.
pub(super) struct Proof {
    pub(super) seq: i64,
    /// The sealed line, without its end.
    pub(super) line: Vec<u8>,
    /// Of the seal that covers it.
    pub(super) seal: i64,
    index: usize,
    size: usize,
    path: Vec<Hash>,
    root: Hash,
}

impl Chain {
    /// Reads and checks all seals; `Err` inside is the first that is wrong.
    pub(super) async fn read(snapshot: &mut Snapshot, key: PublicKey) -> Result<Result<Self, Finding>, Failure> {
        let (mut seals, mut verifier): (Vec<(Seal, StoredSeal)>, Option<Verifier>) = (Vec::new(), None);
        loop {
            let after = i64::try_from(seals.len()).unwrap_or(i64::MAX);
            let page = snapshot.seals(after, PAGE).await?;
            if page.is_empty() {
                return Ok(Ok(Self { seals, head: verifier.map(|verifier| verifier.head()) }));
            }
            for stored in page {
                let queue = stored.read().map(|seal| seal.queue).unwrap_or_default();
                let verifier = verifier.get_or_insert_with(|| Verifier::new(&queue, key, None));
                match verifier.seal(&stored) {
                    Ok(seal) => seals.push((seal, stored)),
                    Err(finding) => return Ok(Err(finding)),
                }
            }
        }
    }

    /// The proof of an entry; `None` when no seal covers it, or its seal does not fit what is there now.
    pub(super) async fn proof(
        &self,
        snapshot: &mut Snapshot,
        known: &mut Known<'_>,
        seq: i64,
    ) -> Result<Option<Proof>, Failure> {
        let Some((seal, _)) = self.seals.iter().find(|(seal, _)| seal.entries.contains(seq)) else { return Ok(None) };
        let (leaves, line) = leaves(snapshot, known, &seal.entries, seq).await?;
        let index = seal.entries.numbers().take_while(|number| *number < seq).count();
        let (Some(path), Some(line)) = (inclusion_proof(&leaves, index), line) else { return Ok(None) };
        let proof = Proof { seq, seal: seal.number, index, size: leaves.len(), path, root: seal.root, line };
        Ok(Some(proof).filter(Proof::holds))
    }
}

async fn leaves(
    snapshot: &mut Snapshot,
    known: &mut Known<'_>,
    entries: &Ranges,
    wanted: i64,
) -> Result<(Vec<Hash>, Option<Vec<u8>>), Failure> {
    let (mut leaves, mut line) = (Vec::new(), None);
    let (mut after, last) = (entries.first().unwrap_or(1) - 1, entries.last().unwrap_or(0));
    while after < last {
        let page = snapshot.entries(after, ("", ""), PAGE).await?;
        let Some(end) = page.last() else { break };
        after = end.seq;
        for entry in page.iter().filter(|entry| entries.contains(entry.seq)) {
            let text = known.line(entry).map_err(std::io::Error::from)?;
            leaves.push(leaf(&text));
            if entry.seq == wanted {
                line = Some(text);
            }
        }
    }
    Ok((leaves, line))
}

impl Proof {
    fn holds(&self) -> bool {
        let root = root_by_proof(leaf(&self.line), self.index as u64, self.size as u64, &self.path);
        root == Some(self.root)
    }

    /// For `--json`.
    pub(super) fn document(&self) -> Value {
        let path = self.steps().into_iter().map(|(side, hash)| json!([side, hash]));
        json!({
            "entry": self.seq,
            "leaf": hex(&leaf(&self.line)),
            "seal": self.seal,
            "index": self.index,
            "size": self.size,
            "path": path.collect::<Vec<_>>(),
            "root": hex(&self.root),
        })
    }

    /// The hashes beside the path from below to above, and on which side each stands (RFC 9162 section 2.1.3.2).
    pub(super) fn steps(&self) -> Vec<(&'static str, String)> {
        let (mut at, mut last) = (self.index as u64, self.size.saturating_sub(1) as u64);
        let mut steps = Vec::new();
        for beside in &self.path {
            let on_left = at % 2 == 1 || at == last;
            if on_left && at % 2 == 0 {
                let up = at.trailing_zeros().min(63);
                (at, last) = (at >> up, last >> up);
            }
            steps.push((if on_left { "left" } else { "right" }, hex(beside)));
            (at, last) = (at >> 1, last >> 1);
        }
        steps
    }

    /// A script that proves it with sha256sum, openssl and awk alone, in a folder with the line and the seals.
    pub(super) fn script(&self, newest: i64) -> String {
        let steps: Vec<String> = self.steps().iter().map(|(side, hash)| format!("{side} {hash}")).collect();
        include_str!("proof.sh")
            .replace("@SEQ@", &self.seq.to_string())
            .replace("@SEAL@", &self.seal.to_string())
            .replace("@NEWEST@", &newest.to_string())
            .replace("@STEPS@\n", &steps.iter().flat_map(|step| [step.as_str(), "\n"]).collect::<String>())
    }
}
