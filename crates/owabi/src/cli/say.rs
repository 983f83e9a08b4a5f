//! What people read, in both languages side by side: as the rules of `owabi_core` say it, too.

pub use owabi_core::text::Text;
pub(crate) use owabi_core::text::say;
