//! What every verb needs: how to answer, the configuration, the database, who is asking.

use super::exit::{Exit, Failure};
use super::ledger;
use super::lost::refuse_lost;
use super::person::Person;
use super::purged;
use super::say::{Text, say};
use super::visible::visible;
use crate::config::{Config, ConfigError, Environment, Language, LogFormat};
use crate::library::{Library, LoadedNotice};
use crate::{clock, telemetry};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use owabi_core::address::Lang;
use owabi_store::Store;
use std::io::{BufRead, IsTerminal, Write};
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use tokio::sync::OnceCell;
use unicode_normalization::UnicodeNormalization;

/// One run of the command line.
pub(crate) struct Session {
    pub(crate) json: bool,
    pub(crate) environment: Environment,
    /// Who was found to be asking.
    pub(super) who: OnceCell<Person>,
    asked_lang: Option<Lang>,
    config_file: Option<PathBuf>,
    english: AtomicBool,
    named: OnceLock<String>,
    log_format: OnceLock<LogFormat>,
    /// Of a verb that may write entries into the ledger and does not seal them itself.
    to_seal: Mutex<Option<Config>>,
}

impl Session {
    pub(crate) fn new(json: bool, lang: Option<Lang>, config_file: Option<PathBuf>, environment: Environment) -> Self {
        let by_environment = environment.get("OWABI_LANG").and_then(|word| super::lang(word).ok());
        let asked_lang = lang.or(by_environment);
        let english = AtomicBool::new(asked_lang == Some(Lang::En));
        let (who, named, log_format) = (OnceCell::new(), OnceLock::new(), OnceLock::new());
        let to_seal = Mutex::default();
        Self { json, environment, who, asked_lang, config_file, english, named, log_format, to_seal }
    }

    /// Somebody says who they are (`--as`); the first one that is said counts.
    pub(crate) fn name(&self, name: Option<String>) {
        if let Some(name) = name {
            self.named.get_or_init(|| same_name(&name));
        }
    }

    /// How the log is to look (`--log-format`); the first one that is said counts.
    pub(super) fn format_log(&self, format: Option<LogFormat>) {
        if let Some(format) = format {
            self.log_format.get_or_init(|| format);
        }
    }

    /// What `--log-format` says.
    pub(crate) fn log_format(&self) -> Option<LogFormat> {
        self.log_format.get().copied()
    }

    /// The name of `--as`.
    pub(super) fn named(&self) -> Option<String> {
        self.named.get().cloned()
    }

    /// The language of this run.
    pub(crate) fn lang(&self) -> Lang {
        if self.english.load(Ordering::Relaxed) { Lang::En } else { Lang::Ja }
    }

    /// Reads the configuration, starts the log and settles the language.
    pub(crate) fn config(&self) -> Result<Config, Failure> {
        let config = self.read_config()?;
        if self.asked_lang.is_none() {
            self.english.store(config.language == Language::En, Ordering::Relaxed);
        }
        telemetry::init(&config.log, self.log_format(), &self.environment)
            .map_err(|error| Failure::new(Exit::Usage, Text::same(format!("OWABI_LOG: {error}"))))?;
        Ok(config)
    }

    /// Reads the configuration, and does no more.
    pub(super) fn read_config(&self) -> Result<Config, ConfigError> {
        Config::load(self.config_file.as_deref(), &self.environment)
    }

    /// The configuration's language, where it can be read: for what is said before a verb begins.
    pub(super) fn learn_language(&self) {
        if self.asked_lang.is_none()
            && let Ok(config) = Config::load(self.config_file.as_deref(), &self.environment)
        {
            self.english.store(config.language == Language::En, Ordering::Relaxed);
        }
    }

    /// Opens the database to change something; an empty one gets its schema. A queue that was moved is refused.
    pub(crate) async fn store(&self, config: &Config) -> Result<Store, Failure> {
        self.opened(config, false).await
    }

    /// The same for a verb with which a queue may begin.
    pub(crate) async fn store_to_begin(&self, config: &Config) -> Result<Store, Failure> {
        self.opened(config, true).await
    }

    async fn opened(&self, config: &Config, begins: bool) -> Result<Store, Failure> {
        let store = open_store(config, begins).await?;
        if let Some(to) = store.moved_to().await? {
            return Err(moved(&to));
        }
        *self.to_seal() = Some(config.clone());
        Ok(store)
    }

    /// Seals what this run entered into the ledger, where that can be done at once. Else the daemon does it.
    pub(crate) async fn seal(&self) {
        let Some(config) = self.to_seal().take() else { return };
        if let Err(error) = ledger::seal_at_once(&config).await {
            tracing::debug!(why = error.what.en, "the ledger is sealed later, by the daemon");
        }
    }

    /// Opens the database to look; says when its queue was moved.
    pub(crate) async fn store_to_read(&self, config: &Config) -> Result<Store, Failure> {
        let store = open_store(config, false).await?;
        if let Some(to) = store.moved_to().await? {
            self.warn(&moved(&to).what);
        }
        Ok(store)
    }

    /// The verb has sealed itself, or leaves it to the daemon.
    pub(crate) fn needs_no_seal(&self) {
        *self.to_seal() = None;
    }

    fn to_seal(&self) -> MutexGuard<'_, Option<Config>> {
        self.to_seal.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// For people, on stdout; nothing with `--json`.
    pub(crate) fn tell(&self, text: &Text) {
        if !self.json {
            write_line(&mut std::io::stdout().lock(), &visible(&purged::shown(text.of(self.lang()), self.lang())));
        }
    }

    /// For people, on stderr, whatever the format.
    pub(crate) fn warn(&self, text: &Text) {
        write_line(&mut std::io::stderr().lock(), &visible(text.of(self.lang())));
    }

    /// The one JSON document, with `--json`.
    pub(crate) fn answer(&self, document: &serde_json::Value) {
        if self.json {
            write_line(&mut std::io::stdout().lock(), &document.to_string());
        }
    }

    /// Tells why a command failed.
    pub(crate) fn fail(&self, failure: &Failure) {
        let (lang, what) = (self.lang(), failure.what.of(self.lang()));
        let next = failure.next.as_ref().map(|next| next.of(lang));
        let mut stderr = std::io::stderr().lock();
        write_line(&mut stderr, &visible(&format!("owabi: {what}")));
        if let Some(next) = next {
            write_line(&mut stderr, &visible(&format!("  → {next}")));
        }
        self.answer(&serde_json::json!({ "error": { "message": what, "next": next }, "exit": failure.exit.code() }));
    }

    /// Asks before something large happens: `--yes` answers for scripts, a person answers on a terminal.
    pub(crate) fn confirm(&self, yes: bool, question: &Text) -> Result<(), Failure> {
        self.ask(yes, question, &["yes", "y", "はい"])
    }

    /// As [`Session::confirm`], for what cannot be called back: the person types how many it concerns.
    pub(crate) fn confirm_count(&self, yes: bool, question: &Text, count: i64) -> Result<(), Failure> {
        self.ask(yes, question, &[&count.to_string()])
    }

    fn ask(&self, yes: bool, question: &Text, answers: &[&str]) -> Result<(), Failure> {
        if yes {
            return Ok(());
        }
        if !self.on_terminal() {
            self.warn(question);
            let next = say!(
                ja: "端末の外では、内容を確かめたうえで --yes を付けてください。--dry-run では何も変更しません。",
                en: "without a terminal, add --yes when you are sure; --dry-run changes nothing"
            );
            let what =
                say!(ja: "確認が必要です。何も変更していません。", en: "confirmation is needed; nothing was changed");
            return Err(Failure::with(Exit::Usage, what, next));
        }
        let mut stderr = std::io::stderr().lock();
        let _ = write!(stderr, "{} ", visible(question.of(self.lang())));
        let _ = stderr.flush();
        let mut line = String::new();
        std::io::stdin().lock().read_line(&mut line)?;
        if answers.contains(&line.trim()) {
            return Ok(());
        }
        let what = say!(ja: "取りやめました。何も変更していません。", en: "left as it was; nothing was changed");
        Err(Failure::new(Exit::Failed, what))
    }

    /// Whether a person can be asked.
    #[expect(clippy::unused_self, reason = "the session is where verbs ask for the world outside")]
    pub(crate) fn on_terminal(&self) -> bool {
        std::io::stdin().is_terminal() && std::io::stderr().is_terminal()
    }

    /// The one of two words that is in this run's language.
    pub(crate) fn lang_of<'a>(&self, ja: &'a str, en: &'a str) -> &'a str {
        if self.lang() == Lang::Ja { ja } else { en }
    }

    /// A progress bar on a terminal; an invisible one elsewhere.
    pub(crate) fn bar(&self, length: u64, what: &Text) -> ProgressBar {
        let bar = ProgressBar::with_draw_target(Some(length), ProgressDrawTarget::stderr_with_hz(8));
        let form = "{msg} {wide_bar} {percent:>3}% {pos}/{len} {elapsed}";
        bar.set_style(ProgressStyle::with_template(form).unwrap_or_else(|_| ProgressStyle::default_bar()));
        bar.set_message(what.of(self.lang()).to_owned());
        bar
    }

    /// Who is asking: `--as`, else the account of this process (of the one who called sudo).
    pub(crate) fn actor(&self, named: Option<&str>) -> String {
        let account = || {
            let uid = std::fs::metadata("/proc/self").map_or(0, |of| of.uid());
            let sudo = self.environment.get("SUDO_USER").filter(|_| uid == 0).map(str::to_owned);
            sudo.or_else(|| account_name(uid)).unwrap_or_else(|| format!("uid-{uid}"))
        };
        named.map_or_else(account, same_name)
    }

    /// Epoch milliseconds now.
    #[expect(clippy::unused_self, reason = "the session is where verbs ask for the world outside")]
    pub(crate) fn now(&self) -> i64 {
        clock::now_ms()
    }
}

/// A person's name as it is compared: full-width and half-width, and blanks around it or in a row, make no other person.
pub(super) fn same_name(name: &str) -> String {
    let folded: String = name.nfkc().collect();
    folded.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Opens the database of the configuration; `begins`: a new queue may begin with it.
///
/// # Errors
/// 69 when it cannot be reached, 75 when it is locked, 78 when its file is lost, its schema does not fit or its password cannot be
/// read.
pub(crate) async fn open_store(config: &Config, begins: bool) -> Result<Store, Failure> {
    refuse_lost(config, begins)?;
    let store = Store::open(&config.open_options()?).await?;
    if store.is_shared() {
        // What is due is due by the database's clock, whatever this host thinks the time is.
        clock::follow(store.clock_ms().await?);
    }
    Ok(store)
}

/// Two databases that send to the same members would tell them twice.
pub(crate) fn moved(to: &str) -> Failure {
    Failure::with(
        Exit::BadConfig,
        say!(ja: "このデータベースは {to} へ移されています。", en: "this queue was moved to {to}"),
        say!(
            ja: "database.url を {to} にしてください。そこに何もないときは `owabi db copy` をもう一度実行します。",
            en: "set database.url to {to}; if nothing arrived there, run `owabi db copy` again"
        ),
    )
}

/// One notice of the library.
///
/// # Errors
/// 2 when there is no such notice, 78 when its files are wrong.
pub(crate) fn notice(config: &Config, id: &str) -> Result<Arc<LoadedNotice>, Failure> {
    let library = Library::load(config);
    library.get(id).map_err(|why| {
        if !library.is_broken(id) {
            let known: Vec<&str> = library.notices.keys().map(String::as_str).collect();
            return no_such_notice(id, &known);
        }
        let Text { ja, en } = why;
        Failure::with(
            Exit::BadConfig,
            say!(ja: "お知らせ「{id}」を使えません。\n{ja}", en: "the notice {id:?} cannot be used\n{en}"),
            say!(ja: "`owabi check` で確かめてください。", en: "look at it with `owabi check`"),
        )
    })
}

/// What every verb says of a notice that the database does not have: its file may be there and nothing imported yet, or the id is
/// like another one.
pub(crate) async fn unknown_notice(session: &Session, store: &Store, id: &str) -> Failure {
    let library = session.read_config().map(|config| Library::load(&config)).unwrap_or_default();
    if library.notices.contains_key(id) {
        return Failure::with(
            Exit::Usage,
            say!(ja: "お知らせ「{id}」には、まだ名簿を取り込んでいません。", en: "the notice {id:?} has no import yet"),
            say!(ja: "先に取り込みます: `owabi import 名簿.csv --notice {id}`", en: "import first: `owabi import roster.csv --notice {id}`"),
        );
    }
    let stored = store.notices().await.unwrap_or_default();
    let known: Vec<&str> =
        stored.iter().map(|notice| notice.id.as_str()).chain(library.notices.keys().map(String::as_str)).collect();
    no_such_notice(id, &known)
}

/// `known` are the ids that there are.
fn no_such_notice(id: &str, known: &[&str]) -> Failure {
    let what = say!(ja: "「{id}」というお知らせはありません。", en: "there is no notice {id:?}");
    let next = match nearest(id, known) {
        Some(meant) => say!(
            ja: "もしかして: {meant}。一覧は `owabi status` で見られます。",
            en: "perhaps {meant}? `owabi status` lists them"
        ),
        None => say!(
            ja: "`owabi status` で一覧を見られます。新しいお知らせには、設定ファイル notices/{id}.yaml が要ります。",
            en: "`owabi status` lists them; a new one needs its file notices/{id}.yaml"
        ),
    };
    Failure::with(Exit::Usage, what, next)
}

/// The one of `known` that is most like `id`, if any is like it.
fn nearest<'a>(id: &str, known: &[&'a str]) -> Option<&'a str> {
    let like = |known: &str| strsim::jaro_winkler(id, known);
    let alike = known.iter().copied().filter(|known| like(known) > 0.8);
    alike.max_by(|one, other| like(one).total_cmp(&like(other)))
}

/// Output that nobody reads any more is no failure.
pub(crate) fn write_line(out: &mut impl Write, text: &str) {
    let _ = writeln!(out, "{text}");
}

fn account_name(uid: u32) -> Option<String> {
    let accounts = std::fs::read_to_string("/etc/passwd").ok()?;
    let of = |line: &str| {
        let mut parts = line.split(':');
        let name = parts.next()?.to_owned();
        (parts.nth(1)?.parse() == Ok(uid)).then_some(name)
    };
    accounts.lines().find_map(of)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_notice_that_is_not_there_is_asked_back_by_the_one_most_like_it() {
        let known = ["generic-breach", "generic-breach-ja", "metaps-2022"];
        for (typed, meant) in [
            ("metaps-202", Some("metaps-2022")),
            ("metaps2022", Some("metaps-2022")),
            ("generic-breach-j", Some("generic-breach-ja")),
            ("x", None),
        ] {
            assert_eq!(nearest(typed, &known), meant, "{typed}");
        }
    }
}
