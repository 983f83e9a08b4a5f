//! From the configuration to relays that can be opened: certificates and passwords are read here, once.

use crate::config::{Config, ConfigError, Deadlines, Problem, Relay, Tls};
use owabi_smtp::relay::{self, Login};

/// Every configured relay, in the file's order.
///
/// # Errors
/// Every password or certificate file that cannot be read.
pub fn relays(config: &Config) -> Result<Vec<relay::Relay>, ConfigError> {
    let mut problems = Vec::new();
    let mut relays = Vec::new();
    for (n, relay) in config.smtp.relays.iter().enumerate() {
        match one(config, relay, &format!("smtp.relays[{n}]")) {
            Ok(relay) => relays.push(relay),
            Err(problem) => problems.push(*problem),
        }
    }
    if problems.is_empty() { Ok(relays) } else { Err(ConfigError { problems }) }
}

fn one(config: &Config, from: &Relay, at: &str) -> Result<relay::Relay, Box<Problem>> {
    let password = config.relay_password(from).map_err(|error| error.into_problem(&config.file, at))?;
    let auth = from.user.clone().zip(password).map(|(user, password)| Login { user, password });
    Ok(relay::Relay {
        name: from.name.clone(),
        host: from.host.clone(),
        port: from.port(),
        tls: tls(from.tls),
        ca_pem: ca(config, from, at)?,
        server_name: from.server_name.clone(),
        auth,
        auth_without_tls: from.auth_without_tls,
        helo: config.smtp.helo(from).to_owned(),
        messages_per_connection: from.messages_per_connection,
        in_flight: from.in_flight as usize,
        chunking: from.chunking,
        deadlines: deadlines(&config.smtp.deadlines),
    })
}

fn ca(config: &Config, from: &Relay, at: &str) -> Result<Option<Vec<u8>>, Box<Problem>> {
    from.ca_file.as_deref().map(|file| config.authorities(&format!("{at}.ca_file"), file)).transpose()
}

fn tls(tls: Tls) -> relay::Tls {
    match tls {
        Tls::None => relay::Tls::None,
        Tls::Starttls => relay::Tls::StartTls,
        Tls::Implicit => relay::Tls::Implicit,
    }
}

fn deadlines(from: &Deadlines) -> relay::Deadlines {
    relay::Deadlines {
        connect: from.connect.duration(),
        greeting: from.greeting.duration(),
        ehlo: from.ehlo.duration(),
        tls: from.tls.duration(),
        auth: from.auth.duration(),
        mail: from.mail.duration(),
        rcpt: from.rcpt.duration(),
        data: from.data.duration(),
        body_block: from.body.duration(),
        dot: from.dot.duration(),
        ..relay::Deadlines::default()
    }
}
