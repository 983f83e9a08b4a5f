use super::files::{Entry, Folder};
use super::{Arrival, CancellationToken, Counted, Duration, Failed, Intake, Maildir, News, Verdict, follow};
use crate::receipts::{BATCH, LARGEST};
use owabi_store::StoreError;
use std::cell::RefCell;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::time::SystemTime;
use tempfile::TempDir;

/// A Maildir in a private folder, and what was handed over from it.
struct Scene {
    home: TempDir,
    maildir: Maildir,
    taken: RefCell<Vec<Vec<String>>>,
}

impl Scene {
    fn new() -> Self {
        let home = tempfile::tempdir().unwrap();
        for folder in ["new", "cur", "tmp"] {
            fs::create_dir(home.path().join(folder)).unwrap();
        }
        Self { maildir: Maildir::new(home.path()), home, taken: RefCell::default() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    /// A mail that arrived at `second`.
    fn deliver(&self, name: impl AsRef<OsStr>, second: u64, text: &str) {
        let path = self.path("new").join(name.as_ref());
        fs::write(&path, text).unwrap();
        let at = SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000 + second);
        File::options().write(true).open(path).unwrap().set_modified(at).unwrap();
    }

    fn names(&self, folder: &str) -> Vec<String> {
        let entries = fs::read_dir(self.path(folder)).unwrap();
        let mut names: Vec<_> = entries.map(|e| e.unwrap().file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }

    /// A pass in which a mail's verdict is what it says.
    async fn pass(&self) -> Result<Counted, Failed> {
        let take = async |arrivals: Vec<Arrival>| {
            let texts: Vec<_> = arrivals.iter().map(text).collect();
            let verdicts = texts.iter().map(|text| verdict(text)).collect();
            self.taken.borrow_mut().push(texts);
            Ok(verdicts)
        };
        self.maildir.pass(take).await
    }

    fn taken(&self) -> Vec<String> {
        self.taken.borrow().concat()
    }
}

fn text(arrival: &Arrival) -> String {
    let Arrival::Mail(mail) = arrival else { panic!("not a mail") };
    String::from_utf8_lossy(&mail.raw).into_owned()
}

fn verdict(text: &str) -> Verdict {
    match text {
        "parked" => Verdict::Parked,
        "review" | "" => Verdict::Review,
        "ignored" => Verdict::Ignored,
        _ => Verdict::Matched,
    }
}

#[tokio::test]
async fn what_was_taken_lies_in_cur_and_what_a_person_must_see_is_flagged() {
    let scene = Scene::new();
    for (second, text) in ["matched", "parked", "review", "ignored", ""].iter().enumerate() {
        scene.deliver(format!("{second}.host"), second as u64, text);
    }
    let counted = scene.pass().await.unwrap();
    assert_eq!(counted, Counted { matched: 1, parked: 1, review: 2, ignored: 1, ..Counted::default() });
    assert!(scene.names("new").is_empty());
    assert_eq!(scene.names("cur"), ["0.host:2,S", "1.host:2,S", "2.host:2,FS", "3.host:2,S", "4.host:2,FS"]);
    assert_eq!(scene.pass().await.unwrap(), Counted::default());
}

#[tokio::test]
async fn the_oldest_mail_comes_first_whatever_its_name() {
    let scene = Scene::new();
    for (name, second) in [("a", 30), ("b", 10), ("c", 20)] {
        scene.deliver(name, second, &format!("at {second}"));
    }
    scene.pass().await.unwrap();
    assert_eq!(scene.taken(), ["at 10", "at 20", "at 30"]);
}

#[tokio::test]
async fn nothing_moves_before_it_is_recorded_and_is_handed_over_again() {
    let scene = Scene::new();
    scene.deliver("1.host", 1, "bounce");
    let away = async |_| Err(StoreError::ChangedMeanwhile);
    assert!(matches!(scene.maildir.pass(away).await, Err(Failed::Store(_))));
    assert_eq!((scene.names("new").len(), scene.names("cur").len()), (1, 0));
    assert_eq!(scene.pass().await.unwrap().matched, 1);
    assert_eq!(scene.names("cur"), ["1.host:2,S"]);
}

#[tokio::test]
async fn mails_are_handed_over_in_batches_and_what_came_before_a_failure_stays_taken() {
    let scene = Scene::new();
    for second in 0..(BATCH as u64 + 5) {
        scene.deliver(format!("{second}.host"), second, "bounce");
    }
    let calls = RefCell::new(0);
    let second_fails = async |arrivals: Vec<Arrival>| {
        *calls.borrow_mut() += 1;
        if *calls.borrow() == 2 {
            Err(StoreError::ChangedMeanwhile)
        } else {
            Ok(vec![Verdict::Matched; arrivals.len()])
        }
    };
    assert!(scene.maildir.pass(second_fails).await.is_err());
    assert_eq!((scene.names("cur").len(), scene.names("new").len()), (BATCH, 5));
    assert_eq!(scene.pass().await.unwrap().matched, 5);
}

#[tokio::test]
async fn a_huge_mail_is_read_up_to_the_limit_and_only_one_of_them_at_once() {
    let scene = Scene::new();
    for n in 0..4 {
        let file = File::create(scene.path("new").join(format!("{n}.host"))).unwrap();
        file.set_len(LARGEST + 1).unwrap();
    }
    let batches = RefCell::new(Vec::new());
    let take = async |arrivals: Vec<Arrival>| {
        for arrival in &arrivals {
            let Arrival::Mail(mail) = arrival else { panic!("not a mail") };
            assert_eq!((mail.raw.len() as u64, mail.whole_size), (LARGEST, LARGEST + 1));
        }
        batches.borrow_mut().push(arrivals.len());
        Ok(vec![Verdict::Review; arrivals.len()])
    };
    assert_eq!(scene.maildir.pass(take).await.unwrap().review, 4);
    assert_eq!(*batches.borrow(), [1, 1, 1, 1]);
}

#[tokio::test]
async fn only_mails_in_new_are_read_and_nothing_else_is_followed_or_touched() {
    let scene = Scene::new();
    fs::write(scene.path("elsewhere"), "secret").unwrap();
    symlink(scene.path("elsewhere"), scene.path("new/link")).unwrap();
    fs::create_dir(scene.path("new/folder")).unwrap();
    rustix::fs::mknodat(rustix::fs::CWD, scene.path("new/pipe"), rustix::fs::FileType::Fifo, rustix::fs::Mode::RWXU, 0)
        .unwrap();
    for other in ["new/.hidden", "tmp/half", "cur/read:2,", "cur/moved"] {
        fs::write(scene.path(other), "bounce").unwrap();
    }
    assert_eq!(scene.pass().await.unwrap(), Counted::default());
    assert_eq!(scene.names("new"), [".hidden", "folder", "link", "pipe"]);
    assert_eq!(scene.names("cur"), ["moved", "read:2,"]);
    assert!(scene.taken().is_empty());
}

#[tokio::test]
async fn odd_names_are_kept_and_flags_that_were_there_stay() {
    let scene = Scene::new();
    scene.deliver(OsStr::from_bytes(b"\xff\xfe\x01"), 1, "bounce");
    scene.deliver("2.host:2,RS", 2, "review");
    scene.deliver("3.host:8025", 3, "bounce");
    scene.deliver("4.host:2,", 4, "bounce");
    assert_eq!(scene.pass().await.unwrap().taken(), 4);
    assert!(scene.path("cur").join(OsStr::from_bytes(b"\xff\xfe\x01:2,S")).exists());
    assert_eq!(scene.names("cur")[..3], ["2.host:2,FRS", "3.host:8025:2,S", "4.host:2,S"]);
}

#[tokio::test]
async fn a_mail_in_cur_is_never_overwritten() {
    let scene = Scene::new();
    fs::write(scene.path("cur/1.host:2,S"), "older").unwrap();
    scene.deliver("1.host", 1, "bounce");
    assert_eq!(scene.pass().await.unwrap().matched, 1);
    assert_eq!(scene.names("cur"), ["1.host.1:2,S", "1.host:2,S"]);
    assert_eq!(fs::read_to_string(scene.path("cur/1.host:2,S")).unwrap(), "older");
}

#[tokio::test]
async fn two_readers_of_one_maildir_do_no_harm() {
    let scene = Scene::new();
    scene.deliver("1.host", 1, "bounce");
    scene.deliver("2.host", 2, "bounce");
    let other_was_here = async |arrivals: Vec<Arrival>| {
        fs::rename(scene.path("new/1.host"), scene.path("cur/1.host:2,S")).unwrap();
        Ok(vec![Verdict::Matched; arrivals.len()])
    };
    let counted = scene.maildir.pass(other_was_here).await.unwrap();
    assert_eq!(counted, Counted { matched: 2, ..Counted::default() });
    assert_eq!(scene.names("cur"), ["1.host:2,S", "2.host:2,S"]);
}

#[tokio::test]
async fn a_mail_that_cannot_be_moved_is_said_and_stops_nobody() {
    let scene = Scene::new();
    scene.deliver("x".repeat(253), 1, "bounce");
    scene.deliver("2.host", 2, "bounce");
    let counted = scene.pass().await.unwrap();
    assert_eq!((counted.matched, counted.unmoved), (2, 1));
    assert_eq!(scene.names("cur"), ["2.host:2,S"]);
    let trouble = scene.maildir.trouble(&counted).unwrap();
    assert!(trouble.starts_with("1 mails were recorded but cannot be moved"), "{trouble}");
    assert_eq!(scene.maildir.trouble(&Counted::default()), None);
}

#[test]
fn what_cannot_be_read_is_counted_and_what_vanished_is_not_and_the_others_go_on() {
    let scene = Scene::new();
    scene.deliver("good", 1, "bounce");
    fs::create_dir(scene.path("new/became-a-folder")).unwrap();
    symlink(scene.path("new/good"), scene.path("new/became-a-link")).unwrap();
    let entry = |name: &str| Entry { at: SystemTime::UNIX_EPOCH, name: name.into() };
    let names = ["became-a-folder", "vanished", "became-a-link", "good"];
    let batch = Folder(scene.home.path().to_owned()).read(names.map(entry).to_vec());
    assert_eq!(batch.unreadable, ["became-a-folder", "became-a-link"]);
    assert_eq!(batch.arrivals.iter().map(text).collect::<Vec<_>>(), ["bounce"]);
    assert_eq!(batch.entries, [entry("good")]);
    let trouble = scene.maildir.trouble(&Counted { unreadable: 2, ..Counted::default() }).unwrap();
    assert!(trouble.contains("2 mails in") && trouble.contains("owabi"), "{trouble}");
}

#[tokio::test]
async fn a_folder_that_is_no_maildir_is_named_with_what_to_do() {
    let scene = Scene::new();
    let trouble = async |missing: &str| {
        let folder = scene.path(missing);
        let failed = scene.maildir.pass(async |_| Ok(Vec::new())).await.unwrap_err().to_string();
        assert!(failed.contains(&format!("{} ", folder.display())), "{failed}");
        failed
    };
    fs::remove_dir(scene.path("cur")).unwrap();
    assert!(trouble("cur").await.contains("make the Maildir"));
    fs::remove_dir(scene.path("new")).unwrap();
    assert!(trouble("new").await.contains("does not exist"));
    fs::write(scene.path("new"), "").unwrap();
    assert!(trouble("new").await.contains("is no folder"));
    let absent = Maildir::new(&scene.path("absent"));
    let failed = absent.pass(async |_| Ok(Vec::new())).await.unwrap_err().to_string();
    assert!(failed.contains("absent does not exist"), "{failed}");
}

#[test]
fn a_source_is_called_by_its_whole_path() {
    assert_eq!(Maildir::new(std::path::Path::new("/var/mail/bounces")).source(), "maildir:/var/mail/bounces");
    let here = std::env::current_dir().unwrap();
    assert_eq!(Maildir::new(std::path::Path::new("bounces")).source(), format!("maildir:{}/bounces", here.display()));
}

#[tokio::test]
async fn a_mail_that_arrives_wakes_the_reader_at_once_and_moving_it_away_does_not() {
    let scene = Scene::new();
    let mut news = News::default();
    news.watch(&scene.path("new"));
    fs::write(scene.path("tmp/1.host"), "bounce").unwrap();
    fs::rename(scene.path("tmp/1.host"), scene.path("new/1.host")).unwrap();
    let hour = Duration::from_hours(1);
    tokio::time::timeout(Duration::from_secs(20), news.wait(hour)).await.unwrap();
    assert_eq!(scene.pass().await.unwrap().matched, 1);
    // A second arrival is the first thing that wakes again: reading and moving away lie before it.
    let quiet = tokio::time::timeout(Duration::from_millis(300), news.wait(hour)).await;
    assert!(quiet.is_err(), "our own move woke us");
    scene.deliver("2.host", 2, "bounce");
    tokio::time::timeout(Duration::from_secs(20), news.wait(hour)).await.unwrap();
}

#[test]
fn the_daemon_can_run_it_beside_its_work() {
    fn is_send<T: Send>(_: impl FnOnce(Maildir, Intake, Duration, CancellationToken) -> T) {}
    is_send(follow);
}
