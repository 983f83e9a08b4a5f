//! What the service really asks of the kernel, seen by strace, is within what its unit allows.

use super::{files, units, values};
use crate::receipts::letters::{drop_into, failure};
use crate::support::program::{Program, roster};
use crate::support::servers;
use crate::support::world::{addresses, eventually};
use owabi_smtp::capture::{CaptureOptions, CaptureRelay};
use std::collections::BTreeSet;
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Nobody: as root SQLite does things that the service, which is not root, never does.
const NOBODY: u32 = 65_534;

fn is_available() -> bool {
    let works = |command: &mut Command| command.output().is_ok_and(|output| output.status.success());
    let why_not = match () {
        () if !works(Command::new("systemd-analyze").arg("--version")) => Some("systemd-analyze is missing"),
        () if !works(Command::new("strace").args(["-D", "-o", "/dev/null", "true"])) => Some("nothing can be traced"),
        () => None,
    };
    servers::is_available("strace", why_not.map(|why| format!("{why} here (./x test installs it)")))
}

/// What the kernel is asked for by one program and all that it starts.
#[derive(Default)]
struct Asked {
    calls: BTreeSet<String>,
    executed: BTreeSet<String>,
    /// Files whose code was mapped, and what else was made executable.
    mapped: BTreeSet<String>,
    families: BTreeSet<String>,
}

impl Asked {
    /// Reads what `strace -f -y` wrote.
    fn read(trace: &str) -> Self {
        let mut asked = Self::default();
        for line in trace.lines() {
            let call = line.split_once(' ').map_or("", |(_, rest)| rest.trim_start());
            let Some((name, arguments)) = call.split_once('(') else { continue };
            if name.is_empty() || !name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') {
                continue;
            }
            asked.calls.insert(name.to_owned());
            match name {
                "execve" => {
                    // The folders of PATH are tried one after the other.
                    let there = arguments.split('"').nth(1).filter(|path| Path::new(path).exists());
                    asked.executed.extend(there.map(str::to_owned));
                }
                "mmap" | "mprotect" if arguments.contains("PROT_EXEC") => {
                    let file = arguments.split_once('<').and_then(|(_, rest)| rest.split_once('>'));
                    asked.mapped.insert(file.map_or_else(|| call.to_owned(), |(file, _)| file.to_owned()));
                }
                "socket" => asked.families.extend(arguments.split(',').next().map(str::to_owned)),
                _ => {}
            }
        }
        asked
    }
}

/// The system calls of a group, groups in it included.
fn group(name: &str) -> BTreeSet<String> {
    let output = Command::new("systemd-analyze").args(["syscall-filter", "--no-pager", name]).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    let names = text.lines().filter(|line| line.starts_with(' ')).map(str::trim).filter(|name| !name.starts_with('#'));
    names.flat_map(|name| if name.starts_with('@') { group(name) } else { BTreeSet::from([name.to_owned()]) }).collect()
}

/// What `SystemCallFilter=` of a unit lets through: the first line allows, `~` takes away.
fn allowed(unit: &Path) -> BTreeSet<String> {
    let mut allowed = group("@default");
    for line in values(unit, "SystemCallFilter") {
        let names = |line: &str| line.split_whitespace().flat_map(group).collect::<BTreeSet<String>>();
        match line.strip_prefix('~') {
            Some(taken) => names(taken).iter().for_each(|name| _ = allowed.remove(name)),
            None => allowed.extend(names(&line)),
        }
    }
    allowed
}

/// The folders and files from which programs and libraries may come, with the journal's reader.
fn executable() -> Vec<String> {
    let unit = [units().join("owabi.service"), units().join("owabi.service.d/journal.conf.example")];
    let lines = unit.iter().flat_map(|file| values(file, "ExecPaths"));
    lines
        .flat_map(|line| {
            line.split_whitespace().map(|path| path.trim_start_matches('-').to_owned()).collect::<Vec<_>>()
        })
        .collect()
}

/// An association whose queue, bounces, log and journal are all read, and that nobody but its own account can look into.
struct Office {
    program: Program,
    relay: CaptureRelay,
    owabi: PathBuf,
}

impl Office {
    async fn new() -> Self {
        let relay = CaptureRelay::start(CaptureOptions::default()).await.unwrap();
        let more = "receipts: { maildir: bounces, maillog: mail.log, journal: true, poll: 200ms }\nhealth: { listen: \"127.0.0.1:0\" }\n";
        let program = Program::new(relay.addr().port(), more);
        for name in ["new", "cur", "tmp"] {
            std::fs::create_dir_all(program.path("bounces").join(name)).unwrap();
        }
        program.write("mail.log", "Nov 22 19:39:50 host postfix/qmgr[1]: 4F1Bxy: removed\n");
        program.import(&program.write("roster.csv", &roster(&addresses(60))));
        program.release();
        let owabi = program.path("owabi");
        std::fs::copy(env!("CARGO_BIN_EXE_owabi"), &owabi).unwrap();
        let office = Self { program, relay, owabi };
        office.give_away();
        office
    }

    /// All of the folder to the account that the program is to run as.
    fn give_away(&self) {
        let folder = self.program.path("");
        std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(0o700)).unwrap();
        let below = |path: &Path| files(path, &[""]);
        let mut all = vec![folder];
        while let Some(path) = all.pop() {
            chown(&path, Some(NOBODY), Some(NOBODY)).unwrap();
            if path.is_dir() {
                all.extend(below(&path));
            }
        }
    }

    /// The command line under strace, as nobody. The process is the program's own: strace stands aside.
    fn traced(&self, trace: &Path, arguments: &[&str]) -> Command {
        let plain = self.program.command(arguments);
        let mut command = Command::new("strace");
        command.args(["-D", "-f", "-qq", "-y", "-s", "200", "-o"]).arg(trace).arg(&self.owabi).args(plain.get_args());
        command.env_clear().env("PATH", servers::SYSTEM_PATH).current_dir(self.program.path(""));
        command.uid(NOBODY).gid(NOBODY).stdin(std::process::Stdio::null());
        command
    }

    /// What was traced, once the last process of it has ended.
    async fn asked(&self, trace: &Path) -> Asked {
        let text = || std::fs::read_to_string(trace).unwrap_or_default();
        let ended = |text: &str| {
            let first = text.split_whitespace().next().unwrap_or_default();
            // A short number is followed by more than one blank.
            text.lines().rev().take(2_000).any(|line| {
                let (number, said) = line.split_once(' ').unwrap_or_default();
                number == first && ["+++ exited", "exit_group"].iter().any(|end| said.trim_start().starts_with(end))
            })
        };
        assert!(eventually(&async || ended(&text())).await, "{}", text().lines().last().unwrap_or_default());
        Asked::read(&text())
    }

    fn must_fit(&self, what: &str, asked: &Asked) {
        let allowed = allowed(&units().join("owabi.service"));
        let beyond: Vec<_> = asked.calls.difference(&allowed).collect();
        assert!(asked.calls.len() > 30 && beyond.is_empty(), "{what}: {beyond:?} of {:?}", asked.calls);
        let (places, own) = (executable(), self.owabi.to_str().unwrap());
        let fits = |path: &String| {
            let path = Path::new(path).canonicalize().unwrap_or_else(|_| path.into());
            path == Path::new(own) || places.iter().any(|place| path.starts_with(place))
        };
        let beyond: Vec<_> = asked.executed.iter().chain(&asked.mapped).filter(|path| !fits(path)).collect();
        assert!(asked.executed.contains(own) && beyond.is_empty(), "{what}: {beyond:?}");
        let families = &values(&units().join("owabi.service"), "RestrictAddressFamilies")[0];
        let beyond: Vec<_> =
            asked.families.iter().filter(|of| !families.split_whitespace().any(|name| name == *of)).collect();
        assert!(beyond.is_empty(), "{what}: {beyond:?}");
    }
}

/// What a timer's service runs, with the folder of the test in the place of the service's.
fn command_line(unit: &str, state: &str) -> Vec<String> {
    let line = values(&units().join(unit), "ExecStart")[0].clone();
    let words = line.strip_prefix("/usr/bin/owabi ").unwrap().replace("/var/lib/owabi", state);
    words.split_whitespace().map(str::to_owned).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_whole_job_and_the_work_of_every_timer_ask_the_kernel_for_nothing_that_the_units_forbid() {
    if !is_available() {
        return;
    }
    let office = Office::new().await;
    let trace = office.program.path("run.trace");
    let running = office.program.spawn(office.traced(&trace, &["run"]));
    let sent = || office.relay.stats().mails == 60;
    assert!(eventually(&async || sent()).await, "{}", office.program.said());
    let mail = office.relay.captured()[0].clone();
    let bounce = failure(mail.mail_from(), mail.rcpt_to()[0], "", "");
    drop_into(&office.program.path("bounces"), &bounce);
    office.give_away();
    let bounced = async || office.program.rows().await.iter().any(|row| row.status.as_str() == "bounced");
    assert!(eventually(&bounced).await, "{}", office.program.said());
    assert!(running.terminate().success(), "{}", office.program.said());
    let asked = office.asked(&trace).await;
    office.must_fit("run", &asked);
    assert!(asked.executed.iter().any(|path| path.ends_with("/journalctl")), "{:?}", asked.executed);

    drop_into(&office.program.path("bounces"), &bounce);
    std::fs::create_dir(office.program.path("backups")).unwrap();
    office.give_away();
    let state = office.program.path("");
    for unit in ["owabi-track.service", "owabi-report.service", "owabi-backup.service"] {
        let trace = office.program.path(&format!("{unit}.trace"));
        let line = command_line(unit, state.to_str().unwrap().trim_end_matches('/'));
        let line: Vec<&str> = line.iter().map(String::as_str).collect();
        let output = office.traced(&trace, &line).output().unwrap();
        // What the journal of this machine holds is not the test's affair: 69 says that it holds no mail log.
        let done: &[i32] = if unit == "owabi-track.service" { &[0, 69] } else { &[0] };
        assert!(done.contains(&output.status.code().unwrap()), "{unit}: {output:?}");
        office.must_fit(unit, &office.asked(&trace).await);
    }
    assert_eq!(files(&office.program.path("bounces/new"), &[""]), Vec::<PathBuf>::new());
    assert_eq!(files(&office.program.path("reports"), &[".html"]).len(), 1);
    assert_eq!(files(&office.program.path("backups"), &[""]).len(), 1);
}
