//! What goes round beside the claimer for as long as it claims.

use super::courier::Shared;
use super::database::harmless;
use super::desk::Desk;
use super::live::Live;
use super::{breaker, handing_out, watch};
use crate::config::Config;
use crate::service::{Longest, Pulse};
use owabi_store::StoreError;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinHandle;

/// How soon news are asked for again after the connection for them was lost.
const LISTEN_AGAIN: Duration = Duration::from_secs(1);

/// The helpers at work.
pub(super) struct Helpers(Vec<(JoinHandle<()>, Vec<Pulse>)>);

impl Helpers {
    /// Whoever looks at the notices' states, counts failures, looks whether mails move and, where others share the queue,
    /// listens to them.
    pub(super) fn start(
        config: &Arc<Config>,
        live: &Live,
        (shared, desks): (&Shared, &[Arc<Desk>]),
        failures: &breaker::Shared,
    ) -> Self {
        let longest = Longest::of(config);
        let begin = |name, within| live.pulses().begin(name, within);
        let pulse = begin("watch", longest.watch);
        let watching = watch::Watch::new(shared.clone(), live.clone(), Arc::clone(config), pulse.clone());
        let mut helpers = vec![(tokio::spawn(watching.work()), vec![pulse])];
        let pulse = begin("breaker", longest.database);
        helpers.push((tokio::spawn(breaker::work(failures.clone(), pulse.clone())), vec![pulse]));
        let (hands, moves) = (begin("handing out", longest.database), begin("mails under way", longest.wind_down));
        let proofs = handing_out::Proofs { handing_out: hands.clone(), under_way: moves.clone() };
        let looking = tokio::spawn(handing_out::work(shared.clone(), desks.to_vec(), proofs));
        helpers.push((looking, vec![hands, moves]));
        if shared.store.is_shared() {
            let pulse = begin("news", longest.alive);
            helpers.push((tokio::spawn(listen(shared.clone(), pulse.clone())), vec![pulse]));
        }
        Self(helpers)
    }

    /// Ends them.
    pub(super) async fn end(self) {
        for (helper, pulses) in self.0 {
            helper.abort();
            // Its connection is back in the pool when it has ended.
            let _ = helper.await;
            pulses.iter().for_each(Pulse::retire);
        }
    }
}

/// Wakes the claimer when another process released a notice, or paused, resumed or withdrew one. Without news the claimer polls.
async fn listen(shared: Shared, pulse: Pulse) {
    let mut deaf = false;
    loop {
        match pulse.waits_for(hear(&shared)).await {
            Err(error) if !deaf => {
                tracing::warn!(error = harmless(&error), "no news from the database; the queue is polled");
            }
            _ => {}
        }
        deaf = true;
        tokio::time::sleep(LISTEN_AGAIN).await;
    }
}

async fn hear(shared: &Shared) -> Result<(), StoreError> {
    let mut news = shared.store.news().await?;
    loop {
        news.next().await?;
        shared.board.look.notify_one();
        shared.feed.room.notify_one();
    }
}
