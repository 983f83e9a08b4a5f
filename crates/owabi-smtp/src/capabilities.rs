//! What a relay offered in its reply to EHLO.

use owabi_core::reply::Reply;

/// The extensions that matter to owabi (RFC 1869 keywords).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Capabilities {
    /// RFC 2920.
    pub pipelining: bool,
    /// RFC 3030.
    pub chunking: bool,
    /// RFC 1870.
    pub size: Option<SizeLimit>,
    /// RFC 6152.
    pub eight_bit_mime: bool,
    /// RFC 3461.
    pub dsn: bool,
    /// RFC 6531.
    pub smtputf8: bool,
    /// RFC 3207.
    pub starttls: bool,
    /// RFC 2034.
    pub enhanced_status_codes: bool,
    /// AUTH mechanisms in capitals (RFC 4954), also from the old `AUTH=LOGIN` form.
    pub auth: Vec<String>,
}

/// The SIZE extension's announcement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SizeLimit {
    /// SIZE is understood; no fixed limit was named.
    Unnamed,
    /// The largest message taken, in octets.
    Octets(u64),
}

impl Capabilities {
    /// Reads the lines of an EHLO reply; the first is the relay's name.
    pub fn parse(reply: &Reply) -> Self {
        let mut found = Self::default();
        reply.text.split('\n').skip(1).for_each(|line| found.take(line));
        found
    }

    /// The largest message the relay takes, in octets, if it named a limit.
    pub fn max_size(&self) -> Option<u64> {
        match self.size {
            Some(SizeLimit::Octets(limit)) => Some(limit),
            Some(SizeLimit::Unnamed) | None => None,
        }
    }

    fn take(&mut self, line: &str) {
        let upper = line.to_ascii_uppercase().replacen("AUTH=", "AUTH ", 1);
        let mut words = upper.split_ascii_whitespace();
        match words.next() {
            Some("PIPELINING") => self.pipelining = true,
            Some("CHUNKING") => self.chunking = true,
            Some("8BITMIME") => self.eight_bit_mime = true,
            Some("DSN") => self.dsn = true,
            Some("SMTPUTF8") => self.smtputf8 = true,
            Some("STARTTLS") => self.starttls = true,
            Some("ENHANCEDSTATUSCODES") => self.enhanced_status_codes = true,
            Some("SIZE") => self.size = Some(size_limit(words.next())),
            Some("AUTH") => self.auth.extend(words.map(str::to_owned)),
            _ => {}
        }
    }
}

/// RFC 1870 section 4: no number, or zero, means no fixed limit.
fn size_limit(number: Option<&str>) -> SizeLimit {
    match number.and_then(|n| n.parse().ok()) {
        None | Some(0) => SizeLimit::Unnamed,
        Some(limit) => SizeLimit::Octets(limit),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ehlo_reply_tells_what_the_relay_can_do() {
        let text = "relay.test\npipelining\nSIZE 10485760\nAUTH=LOGIN\nAUTH PLAIN LOGIN\nDSN\nX-NEW thing\nChunking";
        let found = Capabilities::parse(&Reply::new(250, text));
        assert!(found.pipelining && found.chunking && found.dsn && !found.starttls && !found.smtputf8);
        assert_eq!(found.max_size(), Some(10_485_760));
        assert_eq!(found.auth, ["LOGIN", "PLAIN", "LOGIN"]);
    }

    #[test]
    fn a_size_of_zero_or_none_is_no_limit() {
        for line in ["SIZE", "SIZE 0", "SIZE many"] {
            let found = Capabilities::parse(&Reply::new(250, format!("relay.test\n{line}")));
            assert_eq!((found.size, found.max_size()), (Some(SizeLimit::Unnamed), None), "{line}");
        }
        assert_eq!(Capabilities::parse(&Reply::new(250, "SIZE 5")), Capabilities::default());
    }
}
