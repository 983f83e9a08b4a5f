//! One command line of a client, parsed.

/// What the client asked for.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Command<'a> {
    Helo,
    Ehlo,
    StartTls,
    Auth(&'a str),
    /// What stands after `FROM:`.
    Mail(&'a str),
    /// What stands after `TO:`.
    Rcpt(&'a str),
    Data,
    Bdat {
        octets: usize,
        last: bool,
    },
    Rset,
    Noop,
    Quit,
    /// A known verb with arguments that make no sense.
    Malformed,
    Unknown,
}

/// Parses one line without its CRLF.
pub(super) fn parse(line: &str) -> Command<'_> {
    let (verb, args) = line.split_once(' ').unwrap_or((line, ""));
    let args = args.trim();
    match verb.to_ascii_uppercase().as_str() {
        "HELO" => named(args, Command::Helo),
        "EHLO" => named(args, Command::Ehlo),
        "STARTTLS" => bare(args, Command::StartTls),
        "AUTH" => Command::Auth(args),
        "MAIL" => after_prefix(args, "FROM:").map_or(Command::Malformed, Command::Mail),
        "RCPT" => after_prefix(args, "TO:").map_or(Command::Malformed, Command::Rcpt),
        "DATA" => bare(args, Command::Data),
        "BDAT" => bdat(args),
        "RSET" => bare(args, Command::Rset),
        "NOOP" => Command::Noop,
        "QUIT" => bare(args, Command::Quit),
        _ => Command::Unknown,
    }
}

fn named<'a>(args: &str, command: Command<'a>) -> Command<'a> {
    if args.is_empty() { Command::Malformed } else { command }
}

fn bare<'a>(args: &str, command: Command<'a>) -> Command<'a> {
    if args.is_empty() { command } else { Command::Malformed }
}

fn after_prefix<'a>(args: &'a str, prefix: &str) -> Option<&'a str> {
    let head = args.get(..prefix.len())?;
    head.eq_ignore_ascii_case(prefix).then(|| &args[prefix.len()..])
}

fn bdat(args: &str) -> Command<'_> {
    let (octets, last) = match args.split_once(' ') {
        Some((octets, word)) if word.trim().eq_ignore_ascii_case("LAST") => (octets, true),
        Some(_) => return Command::Malformed,
        None => (args, false),
    };
    octets.parse().map_or(Command::Malformed, |octets| Command::Bdat { octets, last })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_read_in_any_case() {
        assert_eq!(parse("mail from:<a@b> SIZE=1"), Command::Mail("<a@b> SIZE=1"));
        assert_eq!(parse("Rcpt To: <a@b>"), Command::Rcpt(" <a@b>"));
        assert_eq!(parse("BDAT 12 last"), Command::Bdat { octets: 12, last: true });
        assert_eq!(parse("bdat 0"), Command::Bdat { octets: 0, last: false });
        assert_eq!(parse("STARTTLS now"), Command::Malformed);
        assert_eq!(parse("BDAT -1"), Command::Malformed);
        assert_eq!(parse("MAIL TO:<a@b>"), Command::Malformed);
        assert_eq!(parse("XYZZY"), Command::Unknown);
    }
}
