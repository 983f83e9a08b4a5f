//! What stands for a personal value after a purge.

use super::say::{Text, say};
use owabi_core::ids::is_pseudonym;

/// The value as people see it: a keyed hash says nothing to them.
pub(super) fn shown(value: &str) -> Text {
    if is_pseudonym(value) { say!(ja: "(削除済み)", en: "(purged)") } else { Text::same(value) }
}
