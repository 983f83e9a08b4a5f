//! The longest honest round of each loop, from the limits of the configuration. What takes longer is wedged: a restart is then
//! better than going on. All of them are generous; nothing is gained by a restart that was not needed.

use crate::config::{Config, Target};
use std::time::Duration;

/// Statements that a loop may run between two beats, each of which may wait as long as the configuration lets it.
const STATEMENTS: u32 = 10;
/// Besides waiting, the work itself: a count over a million rows on a slow disk, a page of seals.
const WORK: Duration = Duration::from_mins(5);
/// A look at what may be sent is broken off after 3 s; besides it reads the files of the notices.
const LOOK: Duration = Duration::from_secs(30);
/// Once a second; broken off after 3 s.
const BEAT: Duration = Duration::from_secs(30);
/// A task that only waits for others is asked by the runtime about once a second.
const ALIVE: Duration = Duration::from_mins(1);
/// The longest pause of a source that cannot be read: an IMAP server that refuses the login is left alone for an hour.
const SOURCE_PAUSES: Duration = Duration::from_mins(75);
/// The longest that one relay may take for a letter to an operator, the connection included.
const LETTER: Duration = Duration::from_secs(150);

/// How long a round of each loop may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Longest {
    /// A round of what asks the database alone: claimer (it beats at each notice), recorder (at each try), breaker, sealer (at each
    /// page), parked receipts, daily report; and for how long nobody may take a row that could be handed to a relay. While the database is away each try ends by its own limits, and beats.
    pub database: Duration,
    /// The watch over what may be sent.
    pub watch: Duration,
    /// The fleet's beat.
    pub fleet: Duration,
    /// What waits for events and is asked by the runtime meanwhile: couriers (each reply has its deadline in the session), news,
    /// the teller of alerts, `run` itself.
    pub alive: Duration,
    /// A source of receipts; it beats whenever it hands something over, and when it has looked at all there is.
    pub source: Duration,
    /// A letter to an operator, through one relay after the other.
    pub letter: Duration,
    /// Winding down before a reload, and for how long nothing may happen to mails under way: they have all their deadlines.
    pub wind_down: Duration,
}

impl Longest {
    /// What this configuration means.
    pub fn of(config: &Config) -> Self {
        let database = WORK + statement(config) * STATEMENTS;
        let relays = u32::try_from(config.smtp.relays.len()).unwrap_or(u32::MAX);
        Self {
            database,
            watch: LOOK,
            fleet: BEAT,
            alive: ALIVE,
            source: SOURCE_PAUSES + config.receipts.poll.duration() * 2 + database,
            letter: ALIVE + LETTER * relays,
            wind_down: under_way(config) + database,
        }
    }
}

/// The longest that the database may take for a statement before it counts as away.
fn statement(config: &Config) -> Duration {
    let database = &config.database;
    match database.target() {
        Some(Target::Postgres(_)) => database.statement_timeout.duration() + database.connect_timeout.duration(),
        _ => database.busy_timeout.duration(),
    }
}

/// The longest that a mail can be under way: its connection is opened, its phases pass, and no body leaves after its lease.
fn under_way(config: &Config) -> Duration {
    let of = &config.smtp.deadlines;
    let opening = [of.connect, of.greeting, of.ehlo, of.tls, of.auth];
    let sending = [of.mail, of.rcpt, of.data, of.body, of.dot];
    let phases: Duration = opening.iter().chain(&sending).map(|span| span.duration()).sum();
    phases + config.dispatch.lease.duration()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Environment;
    use std::path::Path;

    fn of(more: &str) -> Longest {
        let relays = "smtp: { relays: [{ name: main, host: r.example.jp }], bounce: { address: b@example.jp } }";
        let text = format!("{relays}\n{more}\n");
        Longest::of(&Config::read(Path::new("/etc/owabi/owabi.yaml"), &text, &Environment::default()).unwrap())
    }

    #[test]
    fn a_round_is_never_shorter_than_what_the_configuration_lets_it_wait_for() {
        let (usual, minutes) = (of(""), Duration::from_mins);
        assert!(usual.database > Duration::from_secs(10) * STATEMENTS && usual.database < minutes(10), "{usual:?}");
        assert!(usual.wind_down > minutes(5 + 5 + 5), "a dot, a body and a greeting that all come late");
        assert!(usual.source > minutes(60), "an IMAP server that refuses the login");
        let patient = of("database: { busy_timeout: 5m }\nreceipts: { poll: 2h }");
        assert!(patient.database > minutes(50) && patient.source > minutes(240), "{patient:?}");
        let server = of("database: { url: \"postgres://o@db/o\", statement_timeout: 10m, connect_timeout: 1m }");
        assert!(server.database > minutes(110), "{server:?}");
    }
}
