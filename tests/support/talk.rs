//! A person at a terminal who speaks SMTP.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::time::Duration;

/// Says a line, reads the whole reply.
pub(crate) struct Talk(BufReader<TcpStream>);

impl Talk {
    pub(crate) fn with(port: u16) -> Self {
        let stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        let mut talk = Self(BufReader::new(stream));
        assert!(talk.reply().starts_with("220 "));
        talk
    }

    pub(crate) fn say(&mut self, line: &str) -> String {
        write!(self.0.get_mut(), "{line}\r\n").unwrap();
        self.reply()
    }

    /// As `say`, and the reply must be a yes.
    pub(crate) fn ask(&mut self, line: &str) {
        let reply = self.say(line);
        assert!(reply.starts_with('2') || reply.starts_with("354"), "{line}: {reply}");
    }

    fn reply(&mut self) -> String {
        let mut reply = String::new();
        loop {
            let start = reply.len();
            assert_ne!(self.0.read_line(&mut reply).unwrap(), 0, "closed after {reply:?}");
            if reply.as_bytes().get(start + 3) != Some(&b'-') {
                return reply;
            }
        }
    }
}
