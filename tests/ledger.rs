//! The ledger (promise 5, D15): sealed while mails go out, verified afterwards, and nothing in it can be changed unnoticed.

mod place;
mod tamper;

use crate::support::postgres::Server;
use crate::support::program::{Program, roster};
use crate::support::world::{addresses, eventually};
use owabi::config::load_or_create_key;
use owabi::ledger::Sealer;
use owabi_core::ledger::{Finding, SealKey};
use owabi_smtp::capture::{CaptureOptions, CaptureRelay};
use place::Ledger;
use secrecy::ExposeSecret;
use serde_json::Value;
use std::time::Duration;

async fn slow_relay() -> CaptureRelay {
    let options = CaptureOptions { rtt: Duration::from_millis(30), ..CaptureOptions::default() };
    CaptureRelay::start(options).await.unwrap()
}

/// What `ledger verify` says, and with which exit code.
fn verified(program: &Program, more: &[&str]) -> (Option<i32>, Value) {
    let output = program.output(&[&["--json", "ledger", "verify"], more].concat());
    (output.status.code(), serde_json::from_slice(&output.stdout).unwrap_or(Value::Null))
}

async fn sql(program: &Program, text: &'static str) {
    let pool = sqlx::SqlitePool::connect(&program.url()).await.unwrap();
    sqlx::raw_sql(text).execute(&pool).await.unwrap();
    pool.close().await;
}

/// Puts a trigger that does nothing in the place of each: what somebody with the file can do. Gives what stood there.
async fn disarm(program: &Program) -> Vec<(String, String)> {
    let pool = sqlx::SqlitePool::connect(&program.url()).await.unwrap();
    let read = "SELECT name, tbl_name, sql FROM sqlite_master WHERE type = 'trigger'";
    let mut stood = Vec::new();
    for (name, table, sql) in sqlx::query_as::<_, (String, String, String)>(read).fetch_all(&pool).await.unwrap() {
        let other = format!("CREATE TRIGGER {name} BEFORE DELETE ON {table} WHEN 0 BEGIN SELECT 1; END");
        put(&pool, &name, &other).await;
        stood.push((name, sql));
    }
    pool.close().await;
    stood
}

/// Puts back what stood there.
async fn arm(program: &Program, stood: &[(String, String)]) {
    let pool = sqlx::SqlitePool::connect(&program.url()).await.unwrap();
    for (name, sql) in stood {
        put(&pool, name, sql).await;
    }
    pool.close().await;
}

async fn put(pool: &sqlx::SqlitePool, name: &str, sql: &str) {
    let text = sqlx::AssertSqlSafe(format!("DROP TRIGGER {name}; {sql}"));
    sqlx::raw_sql(text).execute(pool).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_run_everything_is_sealed_and_the_head_says_how_much() {
    let relay = CaptureRelay::start(CaptureOptions::default()).await.unwrap();
    let program = Program::released(relay.addr().port(), "", &addresses(20));
    assert!(program.start(&["run", "--until-idle"]).wait().success());
    let (code, said) = verified(&program, &[]);
    assert_eq!((code, &said["ok"], &said["unsealed"]), (Some(0), &true.into(), &0.into()), "{said}");
    assert!(said["entries"].as_i64().unwrap() >= 23, "import, preflight, release and 20 attempts: {said}");
    assert_eq!(program.json(&["ledger", "head"]), said["head"]);
    let kept = program.write("noted.txt", &format!("> {}\n", said["head"]["text"].as_str().unwrap()));
    assert_eq!(verified(&program, &["--head", kept.to_str().unwrap()]).0, Some(0));
    assert!(program.said().contains(said["head"]["text"].as_str().unwrap()), "the head goes to the journal");
    let shown = program.output(&["ledger", "show", "--kind", "attempt", "--jsonl"]);
    let lines: Vec<Value> =
        String::from_utf8(shown.stdout).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((lines.len(), &lines[0]["body"]["attempt"]["outcome"]), (20, &"accepted".into()));
    let document = program.json(&["ledger", "show", "--kind", "attempt"]);
    assert_eq!(document["entries"].as_array().unwrap(), &lines, "one document, with the same in it");
    assert_eq!(program.json(&["ledger", "show", "--kind", "nothing"]), serde_json::json!({ "entries": [] }));
    let misspelt = program.output(&["ledger", "show", "--kind", "aprove"]);
    let said = String::from_utf8(misspelt.stderr).unwrap();
    assert!(misspelt.stdout.is_empty() && said.contains("aprove") && said.contains("attempt, configuration"), "{said}");
    let both = program.output(&["--json", "ledger", "show", "--jsonl"]);
    assert_eq!(both.status.code(), Some(2), "{both:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn verify_names_what_was_changed_and_whose_it_is_and_a_noted_head_finds_what_was_cut_off() {
    let relay = CaptureRelay::start(CaptureOptions::default()).await.unwrap();
    let program = Program::new(relay.addr().port(), "");
    // The first run makes the keys; from then on each verb seals what it entered.
    program.json(&["run", "--until-idle"]);
    program.import(&program.write("roster.csv", &roster(&addresses(5))));
    program.release();
    program.json(&["run", "--until-idle"]);
    let head = program.json(&["ledger", "head"])["text"].as_str().unwrap().to_owned();
    let stood = disarm(&program).await;
    sql(&program, "UPDATE attempts SET outcome = 'failed' WHERE member_id = 3").await;
    let (code, said) = verified(&program, &[]);
    let bad = &said["first_bad"];
    assert_eq!((code, &bad["what"], &bad["fault"]), (Some(1), &"entry".into(), &"changed".into()), "{said}");
    assert_eq!((&bad["kind"], &bad["member"]), (&"attempt".into(), &"M00002".into()), "{said}");
    sql(&program, "UPDATE attempts SET outcome = 'accepted' WHERE member_id = 3").await;
    let (code, said) = verified(&program, &[]);
    assert_eq!((code, &said["first_bad"]["fault"]), (Some(1), &"trigger_altered".into()), "{said}");
    arm(&program, &stood).await;
    assert_eq!(verified(&program, &["--head", &head]).0, Some(0));
    disarm(&program).await;
    // By hand and past the triggers: the row alone.
    sql(&program, "UPDATE affected_members SET status = 'delivered' WHERE id = 2").await;
    let (code, said) = verified(&program, &[]);
    assert_eq!((code, &said["first_bad"]["member"]), (Some(1), &"M00001".into()), "{said}");
    sql(
        &program,
        "UPDATE affected_members SET status = 'accepted' WHERE id = 2; UPDATE batches SET imported = imported - 1",
    )
    .await;
    let (code, said) = verified(&program, &[]);
    assert_eq!((code, &said["first_bad"]["what"]), (Some(1), &"import".into()), "{said}");
    sql(&program, "UPDATE batches SET imported = imported + 1").await;
    // All that came after the release: its seals, entries and rows.
    sql(&program, "DELETE FROM seals WHERE number > (SELECT MIN(s.number) FROM seals s WHERE s.last_seq >= (SELECT MAX(seq) FROM ledger WHERE kind = 'release')); DELETE FROM ledger WHERE seq > (SELECT MAX(last_seq) FROM seals); DELETE FROM attempts; UPDATE affected_members SET status = 'queued', due_at = 1").await;
    let (code, beside) = verified(&program, &[]);
    assert_eq!(
        (code, &beside["first_bad"]["fault"]),
        (Some(1), &"cut_off".into()),
        "the head beside the key: {beside}"
    );
    std::fs::remove_file(program.path("ledger.key.head")).unwrap();
    arm(&program, &stood).await;
    let (code, said) = verified(&program, &[]);
    assert_eq!(code, Some(0), "nothing inside can tell: {said}");
    let (code, said) = verified(&program, &["--head", &head]);
    assert_eq!(
        (code, &said["first_bad"]["number"], &said["first_bad"]["fault"]),
        (Some(1), &beside["first_bad"]["number"], &"cut_off".into())
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kill_in_the_middle_of_sending_leaves_a_ledger_that_verifies_and_goes_on() {
    let relay = slow_relay().await;
    let program = Program::released(relay.addr().port(), "", &addresses(120));
    let running = program.start(&["run"]);
    assert!(eventually(&async || relay.stats().mails >= 40).await);
    running.kill();
    let (code, said) = verified(&program, &[]);
    assert_eq!((code, &said["ok"]), (Some(0), &true.into()), "{said}");
    program.finish().await;
    let (code, said) = verified(&program, &["--head", said["head"]["text"].as_str().unwrap()]);
    assert_eq!((code, &said["unsealed"]), (Some(0), &0.into()), "{said}");
    program.audit(&relay).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_its_key_or_with_another_one_nothing_is_sealed_and_it_is_said() {
    let relay = CaptureRelay::start(CaptureOptions::default()).await.unwrap();
    let program = Program::released(relay.addr().port(), "", &addresses(1));
    program.json(&["run", "--until-idle"]);
    let kept = std::fs::read_to_string(program.path("ledger.key")).unwrap();
    std::fs::remove_file(program.path("ledger.key")).unwrap();
    let missing = program.output(&["run", "--until-idle"]);
    assert_eq!(missing.status.code(), Some(78), "{missing:?}");
    assert!(String::from_utf8_lossy(&missing.stderr).contains("ledger.key"), "{missing:?}");
    assert_eq!(verified(&program, &[]).0, Some(0), "the public half is enough to verify");
    program.write("ledger.key", &format!("{}\n", "5a".repeat(32)));
    assert_eq!(program.output(&["run", "--until-idle"]).status.code(), Some(78), "the mode is not 0600");
    let _ = std::process::Command::new("chmod").arg("600").arg(program.path("ledger.key")).status();
    for verb in [["run", "--until-idle"], ["ledger", "verify"]] {
        assert_eq!(program.output(&verb).status.code(), Some(78), "another key");
    }
    program.write("ledger.key", &kept);
    assert_eq!(program.output(&["run", "--until-idle"]).status.code(), Some(0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_daemons_on_one_database_seal_one_chain() {
    let ledger = Ledger::on_postgres(Server::shared().database()).await;
    let (mut one, mut other) = (ledger.sealer().await, ledger.sealer().await);
    let enter = async {
        for n in 0..60 {
            ledger.enter(n).await;
        }
    };
    let seal = async |sealer: &mut owabi::ledger::Sealer| {
        let mut sealed = 0;
        for at in 0..40 {
            sealed += sealer.seal(at).await.unwrap();
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        sealed
    };
    let ((), first, second) = tokio::join!(enter, seal(&mut one), seal(&mut other));
    let last = one.seal(100).await.unwrap();
    assert_eq!(first + second + last, 60);
    let checked = ledger.check(None).await;
    assert_eq!((checked.first_bad, checked.unsealed, checked.head.entries), (None, 0, 60));
}

/// How many entries it seals, once it seals any: older transactions of another test's database on this server are waited for.
async fn seals_in_time(sealer: &mut Sealer, at: i64) -> i64 {
    for _ in 0..600 {
        let sealed = sealer.seal(at).await.unwrap();
        if sealed > 0 {
            return sealed;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    0
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_entry_that_is_committed_late_is_sealed_late_and_one_that_is_rolled_back_stays_a_gap() {
    let ledger = Ledger::on_postgres(Server::shared().database()).await;
    let mut sealer = ledger.sealer().await;
    let late = ledger.open_entry("late").await;
    let never = ledger.open_entry("never").await;
    ledger.enter(1).await;
    assert_eq!(seals_in_time(&mut sealer, 1).await, 1);
    never.roll_back().await;
    late.commit().await;
    let watched = async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        seals_in_time(&mut sealer, 2).await
    };
    let (checked, sealed) = tokio::join!(ledger.check(None), watched);
    assert_eq!(sealed, 1);
    assert_eq!((checked.first_bad, checked.head.number, checked.head.entries), (None, 2, 2));
    // Long after no transaction can bring it any more, the number that was rolled back is closed.
    ledger.enter(2).await;
    sealer.seal(200_000).await.unwrap();
    ledger.run("INSERT INTO ledger (seq, at, actor, kind, body) VALUES (2, 1, 'mallory', 'note', '{}')").await;
    assert_eq!(sealer.seal(400_000).await.unwrap(), 0);
    let bad = ledger.check(None).await.first_bad;
    let inserted = Finding::Entry { seq: 2, fault: owabi_core::ledger::Fault::Inserted };
    assert_eq!(bad, Some(owabi::ledger::Bad::Sealed(inserted)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_ledger_whose_key_was_recorded_a_moment_ago_and_that_has_no_seal_yet_is_no_proof() {
    let relay = CaptureRelay::start(CaptureOptions::default()).await.unwrap();
    let program = Program::new(relay.addr().port(), "");
    program.import(&program.write("roster.csv", &roster(&addresses(1))));
    let secret = load_or_create_key(&program.path("ledger.key"), true).unwrap();
    let public = SealKey::from_octets(secret.expose_secret()).public().to_hex();
    let pool = sqlx::SqlitePool::connect(&program.url()).await.unwrap();
    let record = sqlx::query("INSERT INTO meta (key, value) VALUES ('ledger_key', $1)").bind(public);
    record.execute(&pool).await.unwrap();
    pool.close().await;
    let (code, said) = verified(&program, &[]);
    assert_eq!((code, &said["ok"], &said["seals"]), (Some(75), &Value::Null, &0.into()), "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_record_of_the_key_is_made_again_by_nobody_but_whoever_has_the_key_of_the_seals_and_the_log_tells_of_it()
{
    let relay = CaptureRelay::start(CaptureOptions::default()).await.unwrap();
    let program = Program::released(relay.addr().port(), "", &addresses(1));
    program.json(&["run", "--until-idle"]);
    sql(&program, "DELETE FROM meta WHERE key = 'ledger_key'").await;
    let (key, kept) = (program.path("ledger.key"), program.path("kept"));
    std::fs::rename(&key, &kept).unwrap();
    let _another = load_or_create_key(&key, true).unwrap();
    for verb in [&["run", "--until-idle"][..], &["evidence", "export", "--notice", "leak", "--out", "bundle"]] {
        let said = program.output(verb);
        let heard = String::from_utf8_lossy(&said.stderr).into_owned();
        assert!(said.status.code() == Some(78) && heard.contains("is not the key of this ledger"), "{said:?}");
    }
    assert_eq!(verified(&program, &[]).1["first_bad"]["fault"], "key_gone");
    std::fs::rename(&kept, &key).unwrap();
    let said = program.output(&["run", "--until-idle"]);
    let heard = String::from_utf8_lossy(&said.stderr).into_owned();
    assert!(said.status.success() && heard.contains("had lost the record of its ledger's key"), "{said:?}");
    assert_eq!(verified(&program, &[]).0, Some(0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_ledger_that_was_never_sealed_is_no_proof_and_no_damage_and_one_whose_seals_are_gone_is_told_from_it() {
    let relay = CaptureRelay::start(CaptureOptions::default()).await.unwrap();
    let program = Program::new(relay.addr().port(), "");
    program.import(&program.write("roster.csv", &roster(&addresses(1))));
    let never = |program: &Program| {
        let (code, said) = verified(program, &[]);
        assert_eq!(
            (code, &said["ok"], &said["seals"], &said["first_bad"]),
            (Some(75), &Value::Null, &0.into(), &Value::Null)
        );
        assert!(said["unsealed"].as_i64().unwrap() > 0, "{said}");
    };
    never(&program);
    program.release();
    program.json(&["run", "--until-idle"]);
    let head = program.json(&["ledger", "head"])["text"].as_str().unwrap().to_owned();
    assert_eq!(verified(&program, &[]).0, Some(0));
    let gone = |more: &[&str], fault: &str| {
        let (code, said) = verified(&program, more);
        assert_eq!((code, &said["first_bad"]["fault"]), (Some(1), &fault.into()), "{said}");
    };
    // Where only the record of the key is gone the seals say that there was one, also on a machine where none was noted.
    sql(&program, "DELETE FROM meta WHERE key = 'ledger_key'").await;
    gone(&[], "key_gone");
    let beside = program.path("ledger.key.head");
    std::fs::rename(&beside, program.path("elsewhere")).unwrap();
    gone(&[], "key_gone");
    gone(&["--head", &head], "key_gone");
    let asked = program.output(&["ledger", "head"]);
    assert!(String::from_utf8_lossy(&asked.stderr).contains("ledger_key in meta) is gone"), "{asked:?}");
    std::fs::rename(program.path("elsewhere"), &beside).unwrap();
    // The chain does not go on with a key that is made anew.
    std::fs::rename(program.path("ledger.key"), program.path("kept")).unwrap();
    let run = program.output(&["run", "--until-idle"]);
    assert!(String::from_utf8_lossy(&run.stderr).contains("the key of the ledger's seals is missing"), "{run:?}");
    assert!(run.status.code() == Some(78) && !program.path("ledger.key").exists());
    std::fs::rename(program.path("kept"), program.path("ledger.key")).unwrap();
    disarm(&program).await;
    sql(&program, "DELETE FROM seals").await;
    gone(&[], "seals_gone");
    std::fs::remove_file(&beside).unwrap();
    gone(&["--head", &head], "seals_gone");
    std::fs::write(&beside, head.replace("queue=", "queue=0")).unwrap();
    let other = program.output(&["ledger", "verify"]);
    assert_eq!(other.status.code(), Some(1), "{other:?}");
    assert!(String::from_utf8_lossy(&other.stderr).contains("seals of another queue"), "{other:?}");
    std::fs::remove_file(&beside).unwrap();
    never(&program);
}
