//! A login: the name of `--as` with its password.

use super::exit::{Exit, Failure};
use super::password;
use super::person::Person;
use super::say::say;
use super::session::Session;
use crate::clock;
use owabi_core::people::wait_after;
use owabi_store::{Store, StoreError, User};
use serde_json::json;
use std::time::Duration;

/// Whatever is wrong, the answer comes after this time, so that it tells nothing.
const ANSWER_AFTER: Duration = Duration::from_secs(1);

/// How often others may log in under the same name while we do.
const TURNS: u32 = 20;

/// Why a login is refused: for the ledger, never for the one who tries.
#[derive(Clone, Copy, Debug)]
enum Why {
    Unknown,
    Disabled,
    Waiting,
    Password,
    NoPassword,
}

impl Why {
    fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Disabled => "disabled",
            Self::Waiting => "waiting",
            Self::Password => "password",
            Self::NoPassword => "no_password",
        }
    }
}

/// The person of this name, after the right password.
pub(super) async fn log_in(session: &Session, store: &Store, name: &str) -> Result<Person, Failure> {
    refuse_without_password(session, store, name).await?;
    let password = password::of(session, name)?;
    let begun = clock::monotonic();
    let account = session.actor(None);
    let user = count_try(store, name, session.now()).await?;
    let hash = user.as_ref().ok().and_then(|user| user.password.as_ref());
    // Who is unknown, or waits, costs the same work as everybody.
    let right = password::is_right(&password, hash);
    let why = match user {
        Ok(user) if right => {
            store.logged_in(&user.name, &account, session.now()).await?;
            return Ok(Person::from(&user));
        }
        Ok(_) => Why::Password,
        Err(why) => why,
    };
    // A name that nobody has may be a password in the wrong place: it is not kept.
    let known = (!matches!(why, Why::Unknown)).then_some(name);
    let body = json!({ "user": known, "why": why.as_str() });
    store.append_ledger(session.now(), &account, "login_failed", None, &body).await?;
    tokio::time::sleep_until((begun + ANSWER_AFTER).into()).await;
    Err(refused())
}

/// Nobody is asked for a password that they do not have: there is none to be guessed, either.
async fn refuse_without_password(session: &Session, store: &Store, name: &str) -> Result<(), Failure> {
    let user = store.users().await?.into_iter().find(|user| user.name == name);
    if user.is_none_or(|user| user.disabled || user.password.is_some()) {
        return Ok(());
    }
    let body = json!({ "user": name, "why": Why::NoPassword.as_str() });
    store.append_ledger(session.now(), &session.actor(None), "login_failed", None, &body).await?;
    Err(Failure::with(
        Exit::Failed,
        say!(ja: "{name} にはパスワードがありません。自分のアカウントから --as なしで実行します。", en: "{name} has no password: run it from the own account, without --as"),
        say!(
            ja: "パスワードで名乗るには、管理者に `owabi user password {name}` を依頼してください。",
            en: "to go by a password, ask an admin for `owabi user password {name}`"
        ),
    ))
}

/// The user, with this try counted as a wrong one, unless no password is taken now.
async fn count_try(store: &Store, name: &str, now: i64) -> Result<Result<User, Why>, StoreError> {
    for _ in 0..TURNS {
        let Some(user) = store.users().await?.into_iter().find(|user| user.name == name) else {
            return Ok(Err(Why::Unknown));
        };
        let since = user.failed_at.map_or(i64::MAX, |at| now.saturating_sub(at));
        if user.disabled {
            return Ok(Err(Why::Disabled));
        } else if (0..wait_after(user.failures)).contains(&since) {
            break;
        } else if store.try_login(name, user.failures, now).await? {
            return Ok(Ok(user));
        }
    }
    Ok(Err(Why::Waiting))
}

fn refused() -> Failure {
    Failure::with(
        Exit::Failed,
        say!(ja: "名乗りを確認できません。氏名かパスワードが違うか、いまは受け付けていません。", en: "the name or the password is wrong, or no password is taken now"),
        say!(
            ja: "5 回続けて間違えると 1 分、その後は間違えるたびに倍(最長 1 時間)、正しいパスワードも受け付けません。忘れたときは管理者に `owabi user password` を依頼してください。",
            en: "after 5 wrong passwords in a row none is taken for a minute, then twice as long after each (an hour at most). An admin sets a new one with `owabi user password`"
        ),
    )
}
