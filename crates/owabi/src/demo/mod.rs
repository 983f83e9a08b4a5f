//! The demonstration.
use crate::cli::Session;
use crate::cli::exit::{Answer, Exit};
use std::path::PathBuf;
pub(crate) async fn run(_session: &Session, _members: u32, _keep: Option<PathBuf>) -> Answer {
    Ok(Exit::Done)
}
