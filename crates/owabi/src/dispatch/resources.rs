//! What is limited for all daemons of a fleet together, and where this daemon's part of it takes effect.

use super::desk::Desk;
use super::feed::Feed;
use super::pace::to_count;
use super::shares::Limit;
use crate::config::{Config, DomainLimit};
use std::sync::Arc;

#[derive(Debug)]
enum What {
    Connections(Arc<Desk>),
    RelayRate(Arc<Desk>),
    DomainRate(String),
    DomainConcurrency(String),
}

/// One limit of the configuration.
#[derive(Debug)]
pub(super) struct Resource {
    /// The name under which the others know it.
    pub(super) key: String,
    pub(super) limit: Limit,
    what: What,
    /// The relays that a standby stands by for: while one of them is up, nobody wants the standby.
    before: Vec<Arc<Desk>>,
}

impl Resource {
    /// Only of what it has something to do with does a daemon want a part.
    pub(super) fn wanted(&self, feed: &Feed, busy: bool) -> bool {
        match &self.what {
            What::Connections(_) | What::RelayRate(_) => busy && !self.before.iter().any(|desk| desk.is_up()),
            What::DomainRate(domain) | What::DomainConcurrency(domain) => feed.lane_works(domain),
        }
    }

    /// No more than `part` from now on. Returns how much is in use still.
    pub(super) fn lower(&self, feed: &Feed, part: f64) -> f64 {
        match &self.what {
            What::Connections(desk) => desk.seats.lower(to_count(part)) as f64,
            What::RelayRate(desk) => {
                desk.lower_rate(part);
                0.0
            }
            What::DomainRate(domain) => {
                feed.lower_lane_rate(domain, part);
                0.0
            }
            What::DomainConcurrency(domain) => feed.lower_lane_concurrency(domain, to_count(part)) as f64,
        }
    }

    /// This part from now on.
    pub(super) fn set(&self, feed: &Feed, part: f64) {
        match &self.what {
            What::Connections(desk) => desk.seats.set(to_count(part)),
            What::RelayRate(desk) => desk.set_rate(part),
            What::DomainRate(domain) => feed.set_lane_rate(domain, part),
            What::DomainConcurrency(domain) => feed.set_lane_concurrency(domain, to_count(part)),
        }
    }
}

/// Everything that the configuration limits.
pub(super) fn resources(config: &Config, desks: &[Arc<Desk>]) -> Vec<Resource> {
    relays(config, desks).chain(domains(config)).collect()
}

fn relays(config: &Config, desks: &[Arc<Desk>]) -> impl Iterator<Item = Resource> {
    let relays = || config.smtp.relays.iter().zip(desks);
    let working: Vec<_> = relays().filter(|(relay, _)| relay.weight > 0).map(|(_, desk)| Arc::clone(desk)).collect();
    relays().flat_map(move |(relay, desk)| {
        let before = if relay.weight == 0 { working.clone() } else { Vec::new() };
        let named = |name, limit, what| Resource {
            key: format!("relay:{}:{name}", relay.name),
            limit,
            what,
            before: before.clone(),
        };
        let connections = named("connections", number(relay.max_connections), What::Connections(Arc::clone(desk)));
        let rate = relay.rate.map(|amount| named("rate", rate(amount), What::RelayRate(Arc::clone(desk))));
        [Some(connections), rate].into_iter().flatten()
    })
}

fn domains(config: &Config) -> impl Iterator<Item = Resource> {
    config.pacing.limits().into_iter().flat_map(|DomainLimit { domain, rate: amount, concurrency }| {
        let named =
            |name, limit, what| Resource { key: format!("domain:{domain}:{name}"), limit, what, before: Vec::new() };
        let rate = amount.map(|amount| named("rate", rate(amount), What::DomainRate(domain.clone())));
        let most = concurrency.map(|most| named("concurrency", number(most), What::DomainConcurrency(domain.clone())));
        [rate, most].into_iter().flatten()
    })
}

/// Mails a second: parts of it need not be whole.
fn rate(amount: f64) -> Limit {
    Limit { amount, whole: false }
}

fn number(amount: u32) -> Limit {
    Limit { amount: f64::from(amount), whole: true }
}
