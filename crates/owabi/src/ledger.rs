//! The ledger: sealed while the daemon runs, checked when somebody asks.

mod beside;
pub mod key;
mod leaves;
mod sealer;
mod standings;
mod verify;

pub use beside::Mismatch;
pub use sealer::{Sealer, Sealing};
pub use standings::Misplaced;
pub use verify::{Bad, Checked, check};
