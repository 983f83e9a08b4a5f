//! People: who they are, their logins, and whose approval counts.

use crate::place::{Place, on_both_databases};
use crate::{NOTICE, add, batch, new_row, release, released};
use owabi_core::people::Role;
use owabi_store::{LogFilter, Store, Totals, User, UserChange, UserRefused, policy_hash};

fn new(role: Role, os_user: Option<&str>) -> UserChange {
    UserChange::Add { role, os_user: os_user.map(str::to_owned), password: Some("$argon2id$secret".into()) }
}

async fn change(store: &Store, name: &str, change: UserChange) -> Result<(), UserRefused> {
    store.change_user(name, &change, "root", 7).await.unwrap()
}

async fn user(store: &Store, name: &str) -> User {
    store.users().await.unwrap().into_iter().find(|user| user.name == name).unwrap()
}

on_both_databases!(people_are_changed_by_the_rules_and_the_ledger_says_all_but_the_password);
async fn people_are_changed_by_the_rules_and_the_ledger_says_all_but_the_password(place: Place) {
    let store = place.store().await;
    assert_eq!(change(&store, "taro", new(Role::Operator, None)).await, Err(UserRefused::FirstMustBeAdmin));
    assert_eq!(change(&store, "花子", new(Role::Admin, Some("hanako"))).await, Ok(()));
    assert_eq!(change(&store, "Taro", new(Role::Operator, None)).await, Ok(()));
    assert_eq!(change(&store, "taro", new(Role::Auditor, None)).await, Err(UserRefused::NameTaken));
    assert_eq!(change(&store, "jiro", new(Role::Auditor, Some("hanako"))).await, Err(UserRefused::AccountTaken));
    assert_eq!(change(&store, "jiro", UserChange::Disabled(true)).await, Err(UserRefused::Unknown));
    for last in [UserChange::Disabled(true), UserChange::Role(Role::Auditor)] {
        assert_eq!(change(&store, "花子", last).await, Err(UserRefused::LastAdmin));
    }
    assert_eq!(change(&store, "Taro", UserChange::Role(Role::Admin)).await, Ok(()));
    assert_eq!(change(&store, "花子", UserChange::Disabled(true)).await, Ok(()));
    assert_eq!(change(&store, "Taro", UserChange::Role(Role::Operator)).await, Err(UserRefused::LastAdmin));
    assert_eq!(change(&store, "花子", UserChange::Disabled(false)).await, Ok(()));
    assert_eq!(change(&store, "花子", UserChange::Password("$argon2id$other".into())).await, Ok(()));
    let (hanako, taro) = (user(&store, "花子").await, user(&store, "Taro").await);
    assert_eq!((hanako.role, hanako.os_user.as_deref(), hanako.disabled), (Role::Admin, Some("hanako"), false));
    assert_eq!((taro.role, taro.os_user, taro.disabled), (Role::Admin, None, false));
    let kept = "SELECT COUNT(*) || ' ' || MIN(actor) || ' ' || MAX(body) FROM ledger WHERE kind = 'user'";
    let said = r#"6 root {"change":"role","os_user":null,"role":"admin","user":"Taro"}"#;
    assert_eq!(place.text(kept).await, said);
    let leaked = "SELECT COUNT(*) || '' FROM ledger WHERE body LIKE '%argon2%'";
    assert_eq!(place.text(leaked).await, "0");
}

on_both_databases!(a_login_counts_as_wrong_until_it_is_right_and_of_two_at_once_one_looks_again);
async fn a_login_counts_as_wrong_until_it_is_right_and_of_two_at_once_one_looks_again(place: Place) {
    let store = place.store().await;
    change(&store, "花子", new(Role::Admin, None)).await.unwrap();
    assert!(store.try_login("花子", 0, 10).await.unwrap());
    assert!(!store.try_login("花子", 0, 11).await.unwrap(), "somebody else was first");
    assert!(store.try_login("花子", 1, 12).await.unwrap());
    assert!(!store.try_login("nobody", 0, 13).await.unwrap());
    let waits = user(&store, "花子").await;
    assert_eq!((waits.failures, waits.failed_at), (2, Some(12)));
    store.logged_in("花子", "root", 14).await.unwrap();
    let done = user(&store, "花子").await;
    assert_eq!((done.failures, done.failed_at), (0, None));
    let entry = "SELECT actor || ' ' || at || ' ' || body FROM ledger WHERE kind = 'login'";
    assert_eq!(place.text(entry).await, r#"花子 14 {"account":"root"}"#);
}

on_both_databases!(an_approval_that_the_ledger_does_not_know_is_none_and_a_release_names_those_who_approved);
async fn an_approval_that_the_ledger_does_not_know_is_none_and_a_release_names_those_who_approved(place: Place) {
    let store = released(&place, 0).await;
    add(&store, 5).await;
    let hash = store.held_roster(NOTICE).await.unwrap().hash;
    let policy = policy_hash("{}");
    store.approve(NOTICE, "花子", "f", &hash, &policy, 30).await.unwrap();
    // The same person, text and roster under another name, and an entry that speaks of another text.
    for by_hand in [
        "INSERT INTO approvals (notice_id, at, actor, fingerprint, roster_hash)
         SELECT notice_id, at, 'jiro', fingerprint, roster_hash FROM approvals",
        "INSERT INTO ledger (at, actor, kind, notice_id, body) VALUES (30, 'jiro', 'approve', 'n1', '{\"fingerprint\":\"old\"}')",
    ] {
        place.run(by_hand).await.unwrap();
    }
    let approvals = store.approvals(NOTICE, "f", &hash, &policy).await.unwrap();
    assert_eq!(approvals.iter().map(|it| it.actor.as_str()).collect::<Vec<_>>(), ["花子"]);
    let void = store.void_approvals(NOTICE, "f2", &hash, &policy).await.unwrap();
    let before: Vec<_> = void.iter().map(|it| (it.actor.as_str(), it.other_text, it.other_roster)).collect();
    assert_eq!(before, [("jiro", true, false), ("花子", true, false)]);
    let void = store.void_approvals(NOTICE, "f", &hash, &policy).await.unwrap();
    let before: Vec<_> = void.iter().map(|it| (it.actor.as_str(), it.other_text, it.other_policy)).collect();
    assert_eq!(before, [("jiro", false, true)], "no entry tells of it");
    assert_eq!(release(&store, "f").await.unwrap(), 1);
    let entry = "SELECT body FROM ledger WHERE kind = 'release' ORDER BY seq DESC LIMIT 1";
    assert!(place.text(entry).await.starts_with(r#"{"approvals_required":null,"approvers":["花子"],"#));
}

on_both_databases!(an_approval_dies_with_its_policy_and_the_same_person_may_approve_the_new_one);
async fn an_approval_dies_with_its_policy_and_the_same_person_may_approve_the_new_one(place: Place) {
    let store = released(&place, 0).await;
    add(&store, 5).await;
    let hash = store.held_roster(NOTICE).await.unwrap().hash;
    let (strict, lax) = (policy_hash("{\"approvals_required\":2}"), policy_hash("{\"approvals_required\":0}"));
    let names = async |policy: &str| {
        let approvals = store.approvals(NOTICE, "f", &hash, policy).await.unwrap();
        approvals.into_iter().map(|approval| approval.actor).collect::<Vec<_>>()
    };
    store.approve(NOTICE, "花子", "f", &hash, &strict, 30).await.unwrap();
    assert_eq!((names(&strict).await, names(&lax).await), (vec!["花子".to_owned()], vec![]));
    let void = store.void_approvals(NOTICE, "f", &hash, &lax).await.unwrap();
    let before: Vec<_> = void.iter().map(|it| (it.other_text, it.other_roster, it.other_policy)).collect();
    assert_eq!(before, [(false, false, true)]);
    store.approve(NOTICE, "花子", "f", &hash, &lax, 31).await.unwrap();
    assert_eq!(names(&lax).await, ["花子"]);
    assert_eq!(store.void_approvals(NOTICE, "f", &hash, &lax).await.unwrap(), []);
}

on_both_databases!(who_imported_or_renewed_what_is_held_is_known_until_it_is_released);
async fn who_imported_or_renewed_what_is_held_is_known_until_it_is_released(place: Place) {
    let store = place.store().await;
    for (id, actor, at, merged) in [("b1", "花子", 1, 0), ("b2", "jiro", 2, 1), ("b3", "saburo", 3, 0)] {
        let record = owabi_store::BatchRecord { actor: actor.into(), at, ..batch(id) };
        let mut import = store.begin_import(record).await.unwrap();
        if id == "b1" {
            import.write(&[new_row(1)], &[]).await.unwrap();
        }
        import.commit(Totals { lines: 1, imported: i64::from(id == "b1"), merged, ..Totals::default() }).await.unwrap();
    }
    assert_eq!(store.importers(NOTICE).await.unwrap(), ["jiro", "花子"], "who only brought what was there did nothing");
    release(&store, "f").await.unwrap();
    add(&store, 7).await;
    assert_eq!(store.importers(NOTICE).await.unwrap(), ["tester"]);
}

on_both_databases!(the_log_is_counted_as_it_is_shown_and_a_noted_value_comes_with_its_entry);
async fn the_log_is_counted_as_it_is_shown_and_a_noted_value_comes_with_its_entry(place: Place) {
    let store = released(&place, 3).await;
    let one = LogFilter { members: Some(vec![2]), ..LogFilter::default() };
    for (filter, rows) in [(LogFilter::default(), 3), (one, 1)] {
        assert_eq!(store.log_count(&filter).await.unwrap(), rows);
    }
    let body = serde_json::json!({ "changed": ["language"] });
    store.note_with_entry(("configuration:host", "now"), (50, "root", "configuration"), &body).await.unwrap();
    assert_eq!(store.meta("configuration:host").await.unwrap().as_deref(), Some("now"));
    let entry = "SELECT at || actor || body FROM ledger WHERE kind = 'configuration'";
    assert_eq!(place.text(entry).await, r#"50root{"changed":["language"]}"#);
}
