//! A resolver that is asked by name: what it says, and which of the ways of saying nothing it is.
//!
//! One question at a time, over UDP and, for what does not fit, TCP (RFC 1035, RFC 7766). Each wait is bounded.

use hickory_proto::op::{Message, MessageType, Query, ResponseCode};
use hickory_proto::rr::{Name, RData, Record, RecordType};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpStream, UdpSocket};
use tokio::time::{Instant, timeout};

/// How long one try waits.
const PATIENCE: Duration = Duration::from_secs(2);
/// Tries at each server.
const TRIES: usize = 2;
/// So many aliases are followed from one name.
const MOST_ALIASES: usize = 8;
/// The largest answer that is read.
const LARGEST: usize = 64 * 1024;

/// The resolvers to ask, in their order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dns {
    servers: Vec<SocketAddr>,
    /// Afterwards nobody is asked any more.
    until: Option<Instant>,
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoAnswer {
    /// The name does not exist.
    #[error("NXDOMAIN")]
    NoSuchName,
    /// The name exists, and has no such record.
    #[error("no such record")]
    NoRecord,
    /// The resolver says that it failed: SERVFAIL, REFUSED and the like.
    #[error("{0}")]
    Failed(String),
    /// No resolver answered in time.
    #[error("no answer")]
    Silent,
    /// It is no name.
    #[error("not a domain name")]
    BadName,
}

impl NoAnswer {
    /// Whether it is known that there is nothing, which a failure of the resolver does not say.
    pub fn is_certain(&self) -> bool {
        matches!(self, Self::NoSuchName | Self::NoRecord | Self::BadName)
    }
}

/// `--resolver` is neither an address nor `system`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is neither an IP address (192.0.2.53, 192.0.2.53:5353, [2001:db8::53]:53) nor the word system")]
pub struct BadResolver(String);

impl std::str::FromStr for Dns {
    type Err = BadResolver;

    fn from_str(text: &str) -> Result<Self, BadResolver> {
        if text == "system" {
            let servers = listed(&std::fs::read_to_string("/etc/resolv.conf").unwrap_or_default());
            return Ok(Self { servers, until: None });
        }
        let bare = text.parse::<IpAddr>().map(|ip| SocketAddr::new(ip, 53));
        let server = bare.or_else(|_| text.parse::<SocketAddr>()).map_err(|_| BadResolver(text.to_owned()))?;
        Ok(Self { servers: vec![server], until: None })
    }
}

/// The servers of a resolv.conf (resolv.conf(5)).
fn listed(text: &str) -> Vec<SocketAddr> {
    let lines = text.lines().filter_map(|line| line.trim().strip_prefix("nameserver"));
    lines.filter_map(|rest| Some(SocketAddr::new(rest.trim().parse().ok()?, 53))).collect()
}

impl Dns {
    /// The same resolvers for questions that together may take no longer than this; then they are [`NoAnswer::Silent`].
    #[must_use]
    pub fn within(&self, span: Duration) -> Self {
        let until = Instant::now() + span;
        Self { servers: self.servers.clone(), until: Some(self.until.map_or(until, |earlier| earlier.min(until))) }
    }

    /// Its TXT records, each put together from its parts.
    ///
    /// # Errors
    /// Why there are none.
    pub async fn txt(&self, name: &str) -> Result<Vec<String>, NoAnswer> {
        self.records(name, RecordType::TXT, |data| match data {
            RData::TXT(txt) => Some(String::from_utf8_lossy(&txt.txt_data.concat()).into_owned()),
            _ => None,
        })
        .await
    }

    /// The names of its mail exchangers, the preferred first; an empty name is a null MX (RFC 7505).
    ///
    /// # Errors
    /// Why there are none.
    pub async fn mx(&self, name: &str) -> Result<Vec<String>, NoAnswer> {
        let mut found = self
            .records(name, RecordType::MX, |data| match data {
                RData::MX(mx) => {
                    Some((mx.preference, mx.exchange.to_ascii().trim_end_matches('.').to_ascii_lowercase()))
                }
                _ => None,
            })
            .await?;
        found.sort();
        Ok(found.into_iter().map(|(_, exchange)| exchange).collect())
    }

    /// Its addresses of IPv4 or of IPv6.
    ///
    /// # Errors
    /// Why there are none.
    pub async fn addresses(&self, name: &str, v6: bool) -> Result<Vec<IpAddr>, NoAnswer> {
        let kind = if v6 { RecordType::AAAA } else { RecordType::A };
        self.records(name, kind, |data| match data {
            RData::A(a) => Some(IpAddr::V4(a.0)),
            RData::AAAA(aaaa) => Some(IpAddr::V6(aaaa.0)),
            _ => None,
        })
        .await
    }

    async fn records<T>(
        &self,
        name: &str,
        kind: RecordType,
        take: impl Fn(&RData) -> Option<T>,
    ) -> Result<Vec<T>, NoAnswer> {
        let name = Name::from_ascii(format!("{}.", name.trim_end_matches('.'))).map_err(|_| NoAnswer::BadName)?;
        let mut last = NoAnswer::Silent;
        for server in &self.servers {
            match self.ask(*server, &name, kind).await {
                Ok(answer) => {
                    let found: Vec<T> = belonging(&answer.answers, &name, kind).filter_map(&take).collect();
                    return if found.is_empty() { Err(NoAnswer::NoRecord) } else { Ok(found) };
                }
                Err(NoAnswer::NoSuchName) => return Err(NoAnswer::NoSuchName),
                Err(why) => last = why,
            }
        }
        Err(last)
    }

    async fn ask(&self, server: SocketAddr, name: &Name, kind: RecordType) -> Result<Message, NoAnswer> {
        for _ in 0..TRIES {
            let mut question = Message::query();
            question.metadata.recursion_desired = true;
            question.add_query(Query::query(name.clone(), kind));
            let Ok(octets) = question.to_vec() else { return Err(NoAnswer::BadName) };
            let mut said = timeout(self.patience()?, over_udp(server, &octets, &question)).await;
            if let Ok(Ok(answer)) = &said
                && answer.metadata.truncation
            {
                said = timeout(self.patience()?, over_tcp(server, &octets, &question)).await;
            }
            if let Ok(Ok(answer)) = said {
                return judged(answer);
            }
        }
        Err(NoAnswer::Silent)
    }

    /// How long the next try may wait.
    fn patience(&self) -> Result<Duration, NoAnswer> {
        let left = self.until.map_or(PATIENCE, |until| until.saturating_duration_since(Instant::now()));
        if left.is_zero() { Err(NoAnswer::Silent) } else { Ok(left.min(PATIENCE)) }
    }
}

/// The records of this kind that answer the question: of its name, or of what its aliases (CNAME) lead to. Whatever else a
/// resolver says belongs to somebody else.
fn belonging<'a>(answers: &'a [Record], name: &Name, kind: RecordType) -> impl Iterator<Item = &'a RData> {
    let mut owner = name;
    for _ in 0..MOST_ALIASES {
        let alias = answers.iter().find_map(|record| match &record.data {
            RData::CNAME(alias) if record.name.eq_ignore_root(owner) => Some(&alias.0),
            _ => None,
        });
        match alias {
            Some(alias) => owner = alias,
            None => break,
        }
    }
    let owner = owner.clone();
    let is_it = move |record: &&Record| record.record_type() == kind && record.name.eq_ignore_root(&owner);
    answers.iter().filter(is_it).map(|record| &record.data)
}

fn judged(answer: Message) -> Result<Message, NoAnswer> {
    match answer.metadata.response_code {
        ResponseCode::NoError => Ok(answer),
        ResponseCode::NXDomain => Err(NoAnswer::NoSuchName),
        ResponseCode::ServFail => Err(NoAnswer::Failed("SERVFAIL".to_owned())),
        ResponseCode::Refused => Err(NoAnswer::Failed("REFUSED".to_owned())),
        other => Err(NoAnswer::Failed(other.to_string())),
    }
}

async fn over_udp(server: SocketAddr, octets: &[u8], question: &Message) -> io::Result<Message> {
    let any = if server.is_ipv4() { IpAddr::from(Ipv4Addr::UNSPECIFIED) } else { Ipv6Addr::UNSPECIFIED.into() };
    let socket = UdpSocket::bind((any, 0)).await?;
    // What others send to this port is not read.
    socket.connect(server).await?;
    socket.send(octets).await?;
    let mut buffer = vec![0; LARGEST];
    loop {
        let length = socket.recv(&mut buffer).await?;
        if let Some(answer) = answer_to(question, &buffer[..length]) {
            return Ok(answer);
        }
    }
}

async fn over_tcp(server: SocketAddr, octets: &[u8], question: &Message) -> io::Result<Message> {
    let mut stream = TcpStream::connect(server).await?;
    let length = u16::try_from(octets.len()).map_err(io::Error::other)?;
    stream.write_all(&[&length.to_be_bytes(), octets].concat()).await?;
    let length = stream.read_u16().await?;
    let mut buffer = vec![0; usize::from(length)];
    stream.read_exact(&mut buffer).await?;
    answer_to(question, &buffer).ok_or_else(|| io::Error::other("no answer to this question"))
}

/// Only an answer to this very question counts.
fn answer_to(question: &Message, octets: &[u8]) -> Option<Message> {
    let answer = Message::from_vec(octets).ok()?;
    let of = (answer.metadata.message_type, answer.metadata.id);
    (of == (MessageType::Response, question.metadata.id) && answer.queries == question.queries).then_some(answer)
}

#[cfg(test)]
mod tests {
    use super::*;
    use hickory_proto::rr::rdata::{CNAME, TXT};

    #[test]
    fn a_resolver_is_an_address_with_or_without_a_port_or_the_systems() {
        let one = |text: &str| text.parse::<Dns>().map(|dns| dns.servers[0].to_string());
        assert_eq!(one("192.0.2.53"), Ok("192.0.2.53:53".to_owned()));
        assert_eq!(one("192.0.2.53:5353"), Ok("192.0.2.53:5353".to_owned()));
        assert_eq!(one("2001:db8::53"), Ok("[2001:db8::53]:53".to_owned()));
        assert_eq!(one("[2001:db8::53]:54"), Ok("[2001:db8::53]:54".to_owned()));
        assert!(one("dns.example.jp").is_err());
        assert_eq!(listed("# x\nnameserver 192.0.2.1\nsearch a\n nameserver\t::1 \n").len(), 2);
    }

    #[tokio::test]
    async fn a_server_that_says_nothing_is_silent_and_not_without_the_name() {
        let nobody = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let dns: Dns = nobody.local_addr().unwrap().to_string().parse().unwrap();
        assert_eq!(dns.txt("example.jp").await, Err(NoAnswer::Silent));
    }

    #[tokio::test(start_paused = true)]
    async fn when_the_time_for_all_questions_is_over_nobody_is_asked_any_more() {
        let dns: Dns = "127.0.0.1:9".parse().unwrap();
        let short = dns.within(Duration::from_secs(5)).within(Duration::from_mins(5));
        assert_eq!(short.patience(), Ok(PATIENCE));
        tokio::time::advance(Duration::from_secs(4)).await;
        assert_eq!(short.patience(), Ok(Duration::from_secs(1)));
        tokio::time::advance(Duration::from_secs(1)).await;
        assert_eq!(short.txt("example.jp").await, Err(NoAnswer::Silent));
        assert_eq!(dns.patience(), Ok(PATIENCE));
    }

    fn record(owner: &str, data: RData) -> Record {
        Record::from_rdata(Name::from_ascii(owner).unwrap(), 60, data)
    }

    #[test]
    fn only_records_of_the_asked_name_and_of_what_its_aliases_lead_to_are_answers() {
        let alias = |owner: &str, of: &str| record(owner, RData::CNAME(CNAME(Name::from_ascii(of).unwrap())));
        let text = |owner: &str, text: &str| record(owner, RData::TXT(TXT::new(vec![text.to_owned()])));
        let of = |answers: &[Record]| -> Vec<String> {
            let name = Name::from_ascii("a.test.").unwrap();
            belonging(answers, &name, RecordType::TXT).map(ToString::to_string).collect()
        };
        let said = [
            text("c.test.", "of c"),
            alias("B.test.", "c.test."),
            alias("a.test.", "b.test."),
            text("x.test.", "of x"),
        ];
        assert_eq!(of(&said), ["of c"]);
        assert_eq!(of(&[text("A.Test.", "own"), text("x.test.", "of x")]), ["own"]);
        assert_eq!(of(&[text("x.test.", "of x")]), [""; 0]);
        assert_eq!(of(&[alias("a.test.", "b.test."), alias("b.test.", "a.test.")]), [""; 0], "in a circle");
    }
}
