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
/// Addresses of one relay that may all be tried in vain, and the look-up of its name.
const ADDRESSES: u32 = 65;
/// EHLO and, refused, HELO; both again behind STARTTLS.
const HELLOS: u32 = 4;
/// STARTTLS and the handshake.
const TLS: u32 = 2;
/// The most questions of one login.
const QUESTIONS: u32 = 3;

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
    /// What waits for events and is asked by the runtime meanwhile: couriers without a mail, news, the teller of alerts, `run`
    /// itself.
    pub alive: Duration,
    /// A courier with mails: each octet that its relay takes, each reply, and each mail that it begins is a beat, and each of
    /// them has a deadline. So has what the database answers, which stands between two of them.
    pub courier: Duration,
    /// A courier that opens a connection.
    pub opening: Duration,
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
            courier: between_two_steps(config) + database * 2,
            opening: opening(config),
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

/// The longest that a connection at work may show nothing: no reply that is due, no octet taken.
fn between_two_steps(config: &Config) -> Duration {
    let of = &config.smtp.deadlines;
    // The relay may be asked for EHLO again between two mails.
    let steps = [of.ehlo, of.mail, of.rcpt, of.data, of.body, of.dot];
    steps.iter().map(|span| span.duration()).max().unwrap_or_default()
}

/// The longest that a connection can take to be opened, by its deadlines.
fn opening(config: &Config) -> Duration {
    let of = &config.smtp.deadlines;
    let steps = [(of.connect, ADDRESSES), (of.greeting, 1), (of.ehlo, HELLOS), (of.tls, TLS), (of.auth, QUESTIONS)];
    steps.iter().map(|(span, times)| span.duration() * *times).sum::<Duration>() + WORK
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
        with("{}", more)
    }

    fn with(deadlines: &str, more: &str) -> Longest {
        let relays = "relays: [{ name: main, host: r.example.jp }], bounce: { address: b@example.jp }";
        let text = format!("smtp: {{ {relays}, deadlines: {deadlines} }}\n{more}\n");
        Longest::of(&Config::read(Path::new("/etc/owabi/owabi.yaml"), &text, &Environment::default()).unwrap())
    }

    #[test]
    fn a_round_is_never_shorter_than_what_the_configuration_lets_it_wait_for() {
        let (usual, minutes) = (of(""), Duration::from_mins);
        assert!(usual.database > Duration::from_secs(10) * STATEMENTS && usual.database < minutes(10), "{usual:?}");
        assert!(usual.wind_down > minutes(5 + 5 + 5), "a dot, a body and a greeting that all come late");
        assert!(
            usual.courier > minutes(5 + 10) && usual.courier < minutes(20),
            "a dot, and the database twice: {usual:?}"
        );
        assert!(usual.opening > minutes(5 + 20 + 2 + 3) + Duration::from_secs(30) && usual.opening < minutes(80));
        assert!(usual.source > minutes(60), "an IMAP server that refuses the login");
        let late = with("{ body: 50m, connect: 2m }", "");
        assert!(late.courier > minutes(60) && late.opening > minutes(130), "{late:?}");
        let patient = of("database: { busy_timeout: 5m }\nreceipts: { poll: 2h }");
        assert!(patient.database > minutes(50) && patient.source > minutes(240), "{patient:?}");
        let server = of("database: { url: \"postgres://o@db/o\", statement_timeout: 10m, connect_timeout: 1m }");
        assert!(server.database > minutes(110), "{server:?}");
    }
}
