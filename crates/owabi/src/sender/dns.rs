//! A resolver that is asked by name: what it says, and which of the ways of saying nothing it is.
//!
//! One question at a time, over UDP and, for what does not fit, TCP (RFC 1035, RFC 7766). Each wait is bounded.

use hickory_proto::op::{Message, MessageType, Query, ResponseCode};
use hickory_proto::rr::{Name, RData, RecordType};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpStream, UdpSocket};
use tokio::time::timeout;

/// How long one try waits.
const PATIENCE: Duration = Duration::from_secs(2);
/// Tries at each server.
const TRIES: usize = 2;
/// The largest answer that is read.
const LARGEST: usize = 64 * 1024;

/// The resolvers to ask, in their order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dns {
    servers: Vec<SocketAddr>,
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
            return Ok(Self { servers });
        }
        let bare = text.parse::<IpAddr>().map(|ip| SocketAddr::new(ip, 53));
        let server = bare.or_else(|_| text.parse::<SocketAddr>()).map_err(|_| BadResolver(text.to_owned()))?;
        Ok(Self { servers: vec![server] })
    }
}

/// The servers of a resolv.conf (resolv.conf(5)).
fn listed(text: &str) -> Vec<SocketAddr> {
    let lines = text.lines().filter_map(|line| line.trim().strip_prefix("nameserver"));
    lines.filter_map(|rest| Some(SocketAddr::new(rest.trim().parse().ok()?, 53))).collect()
}

impl Dns {
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
            match ask(*server, &name, kind).await {
                Ok(answer) => {
                    // Only records of the kind that was asked for: an alias stands before them.
                    let found: Vec<T> = answer.answers.iter().filter_map(|record| take(&record.data)).collect();
                    return if found.is_empty() { Err(NoAnswer::NoRecord) } else { Ok(found) };
                }
                Err(NoAnswer::NoSuchName) => return Err(NoAnswer::NoSuchName),
                Err(why) => last = why,
            }
        }
        Err(last)
    }
}

async fn ask(server: SocketAddr, name: &Name, kind: RecordType) -> Result<Message, NoAnswer> {
    for _ in 0..TRIES {
        let mut question = Message::query();
        question.metadata.recursion_desired = true;
        question.add_query(Query::query(name.clone(), kind));
        let Ok(octets) = question.to_vec() else { return Err(NoAnswer::BadName) };
        let mut said = timeout(PATIENCE, over_udp(server, &octets, &question)).await;
        if let Ok(Ok(answer)) = &said
            && answer.metadata.truncation
        {
            said = timeout(PATIENCE, over_tcp(server, &octets, &question)).await;
        }
        if let Ok(Ok(answer)) = said {
            return judged(answer);
        }
    }
    Err(NoAnswer::Silent)
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
}
