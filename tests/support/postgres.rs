//! A private PostgreSQL: the real one, for the tests of every crate that includes this file.
//!
//! A cluster lives in one directory of `/tmp`, on one free port of 127.0.0.1 and on a socket, and knows nothing of the
//! machine's own clusters. A small shell keeps it: it is the server's parent, has a pipe from this process as its
//! standard input, and when that ends, however this process ended, it stops the server and removes the directory.
//! PostgreSQL refuses to run as root: then all of this runs as the user `postgres`, or `nobody`.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, OnceLock};
use std::time::Duration;

/// A running cluster. Dropping it stops it and removes its directory.
pub(crate) struct Server {
    folder: PathBuf,
    port: u16,
    keeper: Mutex<Keeper>,
}

/// How a server is stopped.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Stop {
    /// Transactions are rolled back, clients are disconnected, and everything is written.
    Fast,
    /// As a crash: nothing more is written, and the next start recovers from the write-ahead log.
    Immediate,
}

impl Server {
    /// The server that all tests of this process share. It is started when it is first asked for.
    pub(crate) fn shared() -> &'static Self {
        static SHARED: OnceLock<Server> = OnceLock::new();
        SHARED.get_or_init(|| Self::start_own(&[]))
    }

    /// A server of a test's own, to be stopped and configured as it likes: `settings` are those of postgresql.conf.
    pub(crate) fn start_own(settings: &[(&str, &str)]) -> Self {
        Self::launch(settings, "create")
    }

    /// A second server with everything that this one holds: a copy of its files. This one must be stopped.
    pub(crate) fn start_copy(&self) -> Self {
        Self::launch(&[], &format!("copy {}", self.folder.display()))
    }

    fn launch(settings: &[(&str, &str)], order: &str) -> Self {
        let folder = tempfile::Builder::new().prefix("owabi-postgres.").tempdir_in("/tmp").unwrap();
        let account = account();
        fs::write(folder.path().join("settings"), configuration(folder.path(), settings)).unwrap();
        if let Some((uid, gid)) = account {
            chown(folder.path(), Some(uid), Some(gid)).unwrap();
        }
        let mut keeper = Keeper::start(folder.path(), account);
        let folder = folder.keep();
        assert!(keeper.ask(order), "{order}: {}", log(&folder));
        // Another process may take the free port before the server does: then the next one is tried.
        let port = (0..5).map(|_| free_port()).find(|port| keeper.ask(&format!("start {port}")));
        let port = port.unwrap_or_else(|| panic!("PostgreSQL did not start: {}", log(&folder)));
        Self { folder, port, keeper: Mutex::new(keeper) }
    }

    /// A fresh, empty database.
    pub(crate) fn database(&self) -> Database {
        static LAST: AtomicU32 = AtomicU32::new(0);
        let name = format!("test_{}", LAST.fetch_add(1, Ordering::Relaxed) + 1);
        psql(&self.url("postgres"), &format!("CREATE DATABASE {name} TEMPLATE template0")).unwrap();
        Database { url: self.url(&name), socket_url: self.socket_url(&name), maintenance: self.url("postgres"), name }
    }

    /// The URL by which this server is to be reached with a database of the same name.
    pub(crate) fn url_of(&self, database: &Database) -> String {
        self.url(&database.name)
    }

    /// Stops it; its port stays its own.
    pub(crate) fn stop(&self, how: Stop) {
        let signal = match how {
            Stop::Fast => "INT",
            Stop::Immediate => "QUIT",
        };
        assert!(self.keeper.lock().unwrap().ask(&format!("stop {signal}")), "it does not stop: {}", self.log());
    }

    /// Starts it again, on the same port.
    pub(crate) fn start(&self) {
        let started = self.keeper.lock().unwrap().ask(&format!("start {}", self.port));
        assert!(started, "PostgreSQL did not start again: {}", self.log());
    }

    /// Stops it and starts it again.
    pub(crate) fn restart(&self, how: Stop) {
        self.stop(how);
        self.start();
    }

    /// Everything it has logged.
    pub(crate) fn log(&self) -> String {
        log(&self.folder)
    }

    /// The directory that holds all of it: the cluster in `data`, the socket in `socket`, the log in `log`.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    fn url(&self, database: &str) -> String {
        format!("postgres://postgres@127.0.0.1:{}/{database}", self.port)
    }

    fn socket_url(&self, database: &str) -> String {
        let socket = self.folder.join("socket");
        format!("postgres:///{database}?host={}&port={}&user=postgres", socket.display(), self.port)
    }
}

/// A database of one test. Dropping it removes it and ends whatever is connected to it.
pub(crate) struct Database {
    name: String,
    url: String,
    socket_url: String,
    maintenance: String,
}

impl Database {
    /// Its URL over TCP. No password is asked for; the user may do everything.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Its URL over the socket.
    pub(crate) fn socket_url(&self) -> &str {
        &self.socket_url
    }

    /// Runs SQL with the real psql, which must succeed. Gives what it printed: a line a row, `|` between the columns.
    pub(crate) fn psql(&self, sql: &str) -> String {
        psql(&self.url, sql).unwrap_or_else(|refused| panic!("{sql}: {refused}"))
    }

    /// Runs SQL with the real psql; `Err` is what the server said against it.
    pub(crate) fn try_psql(&self, sql: &str) -> Result<String, String> {
        psql(&self.url, sql)
    }

    /// The same as this role.
    pub(crate) fn try_psql_as(&self, role: &str, sql: &str) -> Result<String, String> {
        psql(&self.url_as(role), sql)
    }

    /// A psql of this role that listens on a channel from now on.
    pub(crate) fn listen_as(&self, role: &str, channel: &str) -> Listener {
        let mut psql = psql_command(&self.url_as(role)).spawn().unwrap();
        let mut orders = psql.stdin.take().unwrap();
        writeln!(orders, "LISTEN {channel};").unwrap();
        let listens = format!(
            "SELECT COUNT(*) FROM pg_stat_activity WHERE datname = current_database() AND usename = '{role}'
             AND state = 'idle' AND query = 'LISTEN {channel};'"
        );
        let is_there = |_: &u32| {
            std::thread::sleep(Duration::from_millis(20));
            self.psql(&listens) == "1"
        };
        assert!((0..1_500).any(|n| is_there(&n)), "psql does not listen");
        Listener { psql, orders }
    }

    fn url_as(&self, role: &str) -> String {
        self.url.replace("postgres@", &format!("{role}@"))
    }
}

/// A psql that listens.
pub(crate) struct Listener {
    psql: Child,
    orders: ChildStdin,
}

impl Listener {
    /// The payloads that came, in their order. psql says them after a command.
    pub(crate) fn heard(mut self) -> Vec<String> {
        writeln!(self.orders, "SELECT 1;").unwrap();
        drop(self.orders);
        let said = String::from_utf8(self.psql.wait_with_output().unwrap().stdout).unwrap();
        let news = said.lines().filter(|line| line.starts_with("Asynchronous notification"));
        news.map(|line| {
            line.split("payload \"").nth(1).and_then(|rest| rest.split('"').next()).unwrap_or("").to_owned()
        })
        .collect()
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        // A test may have stopped its own server: then the database goes with it.
        let _ = psql(&self.maintenance, &format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name));
    }
}

/// The shell that keeps the server. It does what it is told, one line at a time, and answers each with one.
struct Keeper {
    shell: Child,
    /// `None` once it is to end.
    orders: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

impl Keeper {
    fn start(folder: &Path, account: Option<(u32, u32)>) -> Self {
        let mut command = Command::new("sh");
        command.args(["-c", KEEPER, "keeper"]).arg(programs()).arg(folder);
        command.env_clear().env("LC_ALL", "C").env("PATH", PATH).current_dir("/");
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        // A group of its own: Ctrl-C at a terminal ends the tests, and by that the server.
        command.process_group(0);
        if let Some((uid, gid)) = account {
            command.uid(uid).gid(gid);
        }
        let mut shell = command.spawn().unwrap();
        let (orders, answers) = (shell.stdin.take(), BufReader::new(shell.stdout.take().unwrap()));
        Self { shell, orders, answers }
    }

    fn ask(&mut self, order: &str) -> bool {
        writeln!(self.orders.as_mut().unwrap(), "{order}").unwrap();
        let mut answer = String::new();
        self.answers.read_line(&mut answer).unwrap();
        answer == "done\n"
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        drop(self.orders.take());
        let _ = self.shell.wait();
    }
}

/// `$1` is the folder of PostgreSQL's programs, `$2` the cluster's own.
const KEEPER: &str = r#"
cd "$2" || exit 1
server=
create() {
    "$1/initdb" -D data -U postgres -A trust -E UTF8 --locale=C --no-sync >>log 2>&1 </dev/null || return 1
    mkdir socket && cat settings >>data/postgresql.conf
}
copy() {
    cp -pR "$1/data" data && rm -f data/postmaster.pid || return 1
    mkdir socket && cat settings >>data/postgresql.conf
}
ready() { [ "$(sed -n '1p;8p' data/postmaster.pid 2>/dev/null | tr -d ' \n')" = "${server}ready" ]; }
start() {
    "$1/postgres" -D data -p "$2" >>log 2>&1 </dev/null &
    server=$!
    for _ in $(seq 3000); do
        ready && return
        kill -0 "$server" 2>/dev/null || break
        sleep 0.02
    done
    stop QUIT
    return 1
}
stop() {
    [ -n "$server" ] || return 0
    kill -"$1" "$server" 2>/dev/null
    kill -CONT "$server" 2>/dev/null
    wait "$server"
    server=
}
finish() {
    trap '' HUP INT TERM
    stop QUIT
    cd /
    rm -rf "$folder"
}
folder=$2
trap finish EXIT
trap 'exit 1' HUP INT TERM
trap : PIPE
while read -r order with; do
    answer=done
    case $order in
        create) create "$1" || answer=failed ;;
        copy) copy "$with" || answer=failed ;;
        start) start "$1" "$with" || answer=failed ;;
        stop) stop "$with" ;;
    esac
    echo "$answer" || exit
done
"#;

const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Quick and small; what is not durable on disk is durable in the page cache, which is all that a test can lose.
fn configuration(folder: &Path, more: &[(&str, &str)]) -> String {
    let socket = folder.join("socket").display().to_string();
    let ours = [
        ("listen_addresses", "127.0.0.1"),
        ("unix_socket_directories", &socket),
        ("max_connections", "200"),
        ("shared_buffers", "32MB"),
        ("dynamic_shared_memory_type", "mmap"),
        ("fsync", "off"),
        ("full_page_writes", "off"),
        ("min_wal_size", "32MB"),
        ("max_wal_size", "128MB"),
        ("timezone", "UTC"),
        ("log_timezone", "UTC"),
    ];
    let lines: Vec<String> = ours.iter().chain(more).map(|(name, value)| format!("{name} = '{value}'")).collect();
    lines.join("\n") + "\n"
}

fn log(folder: &Path) -> String {
    String::from_utf8_lossy(&fs::read(folder.join("log")).unwrap_or_default()).into_owned()
}

/// The folder of the newest PostgreSQL's programs: Debian's, else the one that `pg_config` or the PATH knows.
fn programs() -> &'static Path {
    static PROGRAMS: OnceLock<PathBuf> = OnceLock::new();
    PROGRAMS.get_or_init(|| {
        let folders = debian_folders().into_iter().chain(configured_folder()).chain(folders_of_path());
        let is_there = |folder: &PathBuf| ["initdb", "postgres", "psql"].iter().all(|name| folder.join(name).exists());
        folders.into_iter().find(is_there).unwrap_or_else(|| panic!("PostgreSQL is missing (./x test installs it)"))
    })
}

fn debian_folders() -> Vec<PathBuf> {
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut versions: Vec<u32> = versions.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect();
    versions.sort_unstable();
    versions.iter().rev().map(|version| format!("/usr/lib/postgresql/{version}/bin").into()).collect()
}

fn configured_folder() -> Option<PathBuf> {
    let said = Command::new("pg_config").arg("--bindir").output().ok()?;
    Some(String::from_utf8(said.stdout).ok()?.trim_end().into())
}

fn folders_of_path() -> Vec<PathBuf> {
    std::env::var_os("PATH").map(|path| std::env::split_paths(&path).collect()).unwrap_or_default()
}

/// Whom the server runs as when this process is root's.
fn account() -> Option<(u32, u32)> {
    let id = Command::new("id").arg("-u").output().unwrap();
    if id.stdout != b"0\n" {
        return None;
    }
    let accounts = fs::read_to_string("/etc/passwd").unwrap();
    let ids = |name: &str| {
        let line = accounts.lines().find(|line| line.split(':').next() == Some(name))?;
        let mut ids = line.split(':').skip(2).map(str::parse);
        Some((ids.next()?.ok()?, ids.next()?.ok()?))
    };
    Some(ids("postgres").or_else(|| ids("nobody")).unwrap())
}

/// A free port below those that the kernel gives to clients: none of them gets it while the server is stopped.
fn free_port() -> u16 {
    static LAST: AtomicU32 = AtomicU32::new(0);
    let first = std::process::id().wrapping_mul(37);
    let is_free = |port: &u16| TcpListener::bind(("127.0.0.1", *port)).is_ok();
    let next = |_| 20_000 + u16::try_from(first.wrapping_add(LAST.fetch_add(1, Ordering::Relaxed)) % 10_000).unwrap();
    (0..10_000).map(next).find(is_free).unwrap()
}

/// psql with nothing of this process's environment, so that no variable of libpq leads it elsewhere.
fn psql_command(url: &str) -> Command {
    let mut command = Command::new(programs().join("psql"));
    command.args(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-d", url]).env_clear().env("LC_ALL", "C.UTF-8");
    command.env("PATH", PATH).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn psql(url: &str, sql: &str) -> Result<String, String> {
    let mut psql = psql_command(url).spawn().unwrap();
    // It stops reading at the first error.
    let _ = psql.stdin.take().unwrap().write_all(sql.as_bytes());
    let said = psql.wait_with_output().unwrap();
    let text = |bytes: &[u8]| {
        let text = String::from_utf8_lossy(bytes);
        text.strip_suffix('\n').unwrap_or(&text).to_owned()
    };
    if said.status.success() { Ok(text(&said.stdout)) } else { Err(text(&said.stderr)) }
}
