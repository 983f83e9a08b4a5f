//! A private name server: answers as it is told, over UDP and TCP, in real messages of the DNS.

use hickory_proto::op::{Message, OpCode, ResponseCode};
use hickory_proto::rr::rdata::{A, MX, TXT};
use hickory_proto::rr::{Name, RData, Record};
use std::collections::HashMap;
use std::io::{Read, Write};
use std::net::{TcpListener, UdpSocket};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// What it says to a question.
#[derive(Clone, Debug)]
pub(crate) enum Says {
    /// These TXT records, each in parts of 200 octets.
    Txt(Vec<String>),
    /// These exchangers.
    Mx(Vec<&'static str>),
    /// These IPv4 addresses.
    Addresses(Vec<[u8; 4]>),
    /// It fails.
    ServFail,
    /// Nothing at all.
    Silence,
    /// Over UDP only that it is too long (TC); over TCP these TXT records.
    TooLong(Vec<String>),
}

/// A running one; unknown names do not exist. Its threads end with the process.
pub(crate) struct Dns {
    port: u16,
    zone: Arc<Mutex<Zone>>,
}

type Zone = HashMap<(String, &'static str), Says>;

impl Dns {
    pub(crate) fn start() -> Self {
        let (port, udp, tcp) = (0..100).find_map(|_| one_port()).unwrap();
        let zone = Arc::new(Mutex::new(Zone::new()));
        let (of_udp, of_tcp) = (Arc::clone(&zone), Arc::clone(&zone));
        std::thread::spawn(move || serve_udp(&udp, &of_udp));
        std::thread::spawn(move || serve_tcp(&tcp, &of_tcp));
        Self { port, zone }
    }

    /// As `--resolver` takes it.
    pub(crate) fn resolver(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// From now on it says this.
    pub(crate) fn set(&self, name: &str, kind: &'static str, says: Says) {
        self.zone.lock().unwrap().insert((name.to_owned(), kind), says);
    }

    /// One TXT record.
    pub(crate) fn txt(&self, name: &str, text: &str) {
        self.set(name, "TXT", Says::Txt(vec![text.to_owned()]));
    }

    /// From now on the name is as if it had never been.
    pub(crate) fn forget(&self, name: &str) {
        self.zone.lock().unwrap().retain(|(known, _), _| known != name);
    }
}

/// A port that is free for both; of a free one for UDP another may have that for TCP.
fn one_port() -> Option<(u16, UdpSocket, TcpListener)> {
    let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
    let port = udp.local_addr().unwrap().port();
    Some((port, udp, TcpListener::bind(("127.0.0.1", port)).ok()?))
}

fn serve_udp(socket: &UdpSocket, zone: &Mutex<Zone>) {
    let mut buffer = [0; 4096];
    while let Ok((length, from)) = socket.recv_from(&mut buffer) {
        if let Some(answer) = answer(&buffer[..length], zone, false) {
            let _ = socket.send_to(&answer, from);
        }
    }
}

fn serve_tcp(listener: &TcpListener, zone: &Mutex<Zone>) {
    for stream in listener.incoming() {
        let mut stream = stream.unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        let mut length = [0; 2];
        if stream.read_exact(&mut length).is_err() {
            continue;
        }
        let mut question = vec![0; usize::from(u16::from_be_bytes(length))];
        stream.read_exact(&mut question).unwrap();
        if let Some(answer) = answer(&question, zone, true) {
            let length = u16::try_from(answer.len()).unwrap().to_be_bytes();
            stream.write_all(&[length.as_slice(), &answer].concat()).unwrap();
        }
    }
}

fn answer(question: &[u8], zone: &Mutex<Zone>, over_tcp: bool) -> Option<Vec<u8>> {
    let question = Message::from_vec(question).unwrap();
    let asked = &question.queries[0];
    let name = asked.name.to_ascii().trim_end_matches('.').to_ascii_lowercase();
    let (zone, kind) = (zone.lock().unwrap(), asked.query_type.to_string());
    let mut answer = Message::response(question.metadata.id, OpCode::Query);
    answer.add_query(asked.clone());
    let mut add = |data: RData| {
        answer.add_answer(Record::from_rdata(asked.name.clone(), 60, data));
    };
    match zone.iter().find(|((known, of), _)| *known == name && *of == kind).map(|(_, says)| says) {
        Some(Says::Txt(texts)) => texts.iter().for_each(|text| add(RData::TXT(in_parts(text)))),
        Some(Says::TooLong(texts)) if over_tcp => texts.iter().for_each(|text| add(RData::TXT(in_parts(text)))),
        Some(Says::TooLong(_)) => answer.metadata.truncation = true,
        Some(Says::Mx(exchanges)) => {
            for exchange in exchanges {
                add(RData::MX(MX::new(10, Name::from_ascii(exchange).unwrap())));
            }
        }
        Some(Says::Addresses(addresses)) => addresses.iter().for_each(|address| add(RData::A(A((*address).into())))),
        Some(Says::ServFail) => answer.metadata.response_code = ResponseCode::ServFail,
        Some(Says::Silence) => return None,
        None if zone.keys().any(|(known, _)| *known == name) => {}
        None => answer.metadata.response_code = ResponseCode::NXDomain,
    }
    Some(answer.to_vec().unwrap())
}

fn in_parts(text: &str) -> TXT {
    TXT::from_bytes(text.as_bytes().chunks(200).collect())
}
