//! What an approval binds to: one changed byte of a template or of a fact changes the hash.

use super::TemplateSources;
use crate::notice::NoticeDefinition;
use sha2::{Digest, Sha256};

/// SHA-256 over the three sources, each led by its length.
pub(super) fn templates(sources: &TemplateSources) -> [u8; 32] {
    hash("owabi template 1", [sources.subject.as_bytes(), sources.text.as_bytes(), sources.html.as_bytes()])
}

/// SHA-256 over what the notice says and who it comes from: everything but how rosters are read and how it is sent.
pub(super) fn facts(definition: &NoticeDefinition) -> Result<[u8; 32], serde_json::Error> {
    let said = serde_json::to_vec(&(
        (&definition.id, &definition.title, definition.language, &definition.organisation),
        (&definition.from, &definition.reply_to),
        &definition.facts,
        definition.cohorts.iter().map(|c| (&c.id, &c.title, &c.paragraph)).collect::<Vec<_>>(),
        (&definition.allowed_urls, &definition.required_phrases),
    ))?;
    Ok(hash("owabi facts 1", [said.as_slice()]))
}

/// Both hashes as one.
pub(super) fn both(templates: [u8; 32], facts: [u8; 32]) -> [u8; 32] {
    hash("owabi notice 1", [templates, facts])
}

fn hash(domain: &str, parts: impl IntoIterator<Item = impl AsRef<[u8]>>) -> [u8; 32] {
    let mut state = Sha256::new();
    let mut add = |part: &[u8]| {
        state.update((part.len() as u64).to_be_bytes());
        state.update(part);
    };
    add(domain.as_bytes());
    parts.into_iter().for_each(|part| add(part.as_ref()));
    state.finalize().into()
}
