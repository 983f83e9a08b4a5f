//! What owabi(1) has beside the verbs: exit status, environment, files, signals.

use super::page::section;
use crate::cli::exit::Exit;
use clap_mangen::roff::{Roff, bold, roman};

const ENVIRONMENT: &[(&str, &str)] = &[
    ("OWABI_CONFIG", "the configuration, where --config does not name one"),
    ("OWABI_LANG", "ja or en, where --lang does not say it"),
    (
        "OWABI_LOG",
        "what the program's own log holds: error, warn, info, debug, trace, or directives such as info,owabi_smtp=debug",
    ),
    ("OWABI_PASSWORD_FILE", "a file, mode 0600, with the password of the person named by --as; else it is asked for"),
    (
        "OWABI_SECTION__KEY",
        "overrides a key of the configuration: OWABI_DISPATCH__CLAIM=50, OWABI_SMTP__RELAYS__0__HOST=smtp.example.jp",
    ),
    ("PGPASSWORD, PGPASSFILE", "the PostgreSQL password, where the configuration names none"),
    ("CREDENTIALS_DIRECTORY", "set by systemd: where the credentials lie that a key ending in _credential names"),
    ("NOTIFY_SOCKET, WATCHDOG_USEC", "set by systemd: how owabi run says that it is ready and that its loops go on"),
    ("JOURNAL_STREAM", "set by systemd: the log goes into the journal, with fields"),
];

const FILES: &[(&str, &str)] = &[
    ("/etc/owabi/owabi.yaml", "the configuration; see owabi.yaml(5)"),
    ("/etc/owabi/notices, /etc/owabi/templates", "what is said, and how"),
    ("/var/lib/owabi/owabi.db", "the queue, the delivery log and the ledger, where database.url says so"),
    ("/var/lib/owabi/owabi.key, ledger.key", "the secrets; keep copies apart from the database's"),
    (
        "/var/lib/owabi/ledger.key.head",
        "the newest seal, noted outside of the database; owabi.head with ledger.key_credential",
    ),
    ("/var/lib/owabi/owabi.spool.*", "outcomes that could not be recorded before a stop; never delete them"),
];

const SIGNALS: &[(&str, &str)] = &[
    (
        "SIGTERM, SIGINT",
        "owabi run takes no further mail, finishes those under way (dispatch.stop_timeout at most) and ends",
    ),
    (
        "SIGHUP",
        "owabi run reads the configuration, the notices and the templates again; a mistake is refused, and the old ones stay",
    ),
    ("SIGUSR1", "its log says one step more: info, debug, trace"),
    ("SIGUSR2", "its log says again what is configured"),
];

/// The sections behind the verbs.
pub(super) fn sections(page: &mut Roff) {
    section(page, "EXIT STATUS");
    for exit in Exit::ALL {
        let meaning = exit.meaning();
        entry(page, &exit.code().to_string(), &format!("{}  {}", meaning.en, meaning.ja));
    }
    for (title, entries) in [("ENVIRONMENT", ENVIRONMENT), ("FILES", FILES), ("SIGNALS", SIGNALS)] {
        section(page, title);
        for (name, text) in entries {
            entry(page, name, text);
        }
    }
    section(page, "SEE ALSO");
    page.text([roman("owabi.yaml(5), systemctl(1), journalctl(1)")]);
}

/// A word and what it means.
pub(super) fn entry(page: &mut Roff, name: &str, text: &str) {
    page.control("TP", []);
    page.text([bold(name)]);
    lines(page, text);
}

/// A text; its Japanese, behind two blanks, on a line of its own.
pub(super) fn lines(page: &mut Roff, text: &str) {
    for (n, part) in text.split("  ").enumerate() {
        if n > 0 {
            page.control("br", []);
        }
        page.text([roman(part)]);
    }
}
