//! `user`: who the people are and what they may do.

use super::exit::{Answer, Exit, Failure};
use super::password;
use super::say::say;
use super::session::{Session, same_name};
use owabi_core::people::{Action, Role};
use owabi_store::{Store, User, UserChange, UserRefused};
use serde_json::json;
use std::process::{Command, Stdio};

/// The options of `user`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  owabi user add hanako --role admin --os-user hanako      the first one; from then on owabi asks who you are
  sudo -u owabi owabi user add hanako --role admin         the first one of a service: with a password, without --os-user
  owabi user add taro --role approver                      asks for a password twice
  owabi user add batch --role operator --password-stdin < password.txt
  owabi user list
  owabi user role taro --role auditor
  owabi user password taro                                 also for taro, after a login
  owabi user disable taro
  owabi --as taro approve metaps-2022                      asks for taro's password

operator prepares and sends, approver approves, auditor looks and exports, admin does all of it but approve.
Without --as the account of the operating system says who you are (--os-user).")]
pub(super) struct Options {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    /// Add a person  利用者を加える
    Add(Add),
    /// Everybody, with role and account  利用者の一覧
    List,
    /// Give another role  役割を変える
    Role {
        /// Who
        name: String,
        /// operator, approver, auditor or admin
        #[arg(long)]
        role: Role,
    },
    /// Set another password, asked for twice; everybody may set their own  パスワードを変える
    Password {
        /// Who
        name: String,
        /// Take it from one line of stdin
        #[arg(long)]
        stdin: bool,
    },
    /// Let a person do nothing any more  利用を止める
    Disable {
        /// Who
        name: String,
    },
    /// Let a person go on  利用を再開する
    Enable {
        /// Who
        name: String,
    },
}

#[derive(Debug, clap::Args)]
struct Add {
    /// The person's name, for the ledger and for --as  氏名
    name: String,
    /// operator, approver, auditor or admin
    #[arg(long)]
    role: Role,
    /// The account of the operating system that is this person's
    #[arg(long, value_name = "ACCOUNT")]
    os_user: Option<String>,
    /// Take a password from one line of stdin; without this and --os-user it is asked for
    #[arg(long)]
    password_stdin: bool,
}

pub(super) async fn run(session: &Session, options: &Options) -> Answer {
    let config = session.config()?;
    let store = session.store_to_begin(&config).await?;
    let person = match &options.verb {
        Verb::Password { name, .. } => session.person_about(&store, Action::Users, &same_name(name)).await?,
        _ => session.person(&store, Action::Users).await?,
    };
    let (name, change) = match &options.verb {
        Verb::List => return list(session, &store).await,
        Verb::Add(add) => (new_name(&add.name)?, added(session, &store, add, !person.is_known()).await?),
        Verb::Role { name, role } => (same_name(name), UserChange::Role(*role)),
        Verb::Password { name, stdin } => {
            let name = same_name(name);
            known(&store, &name).await?;
            let hash = password::new(session, *stdin)?;
            (name, UserChange::Password(hash))
        }
        Verb::Disable { name } => (same_name(name), UserChange::Disabled(true)),
        Verb::Enable { name } => (same_name(name), UserChange::Disabled(false)),
    };
    let changed = store.change_user(&name, &change, &person.name, session.now()).await?;
    changed.map_err(|why| refused(&name, why))?;
    let user = known(&store, &name).await?;
    session.tell(&line(&user));
    session.answer(&document(&user));
    store.close().await;
    Ok(Exit::Done)
}

/// A name that people can read back and type.
fn new_name(given: &str) -> Result<String, Failure> {
    let name = same_name(given);
    if name.is_empty() || name.chars().count() > 100 || name.chars().any(char::is_control) {
        let what = say!(ja: "氏名は 1 文字以上 100 文字以内で書いてください。", en: "a name has 1 to 100 characters");
        return Err(Failure::new(Exit::Usage, what));
    }
    if name.eq_ignore_ascii_case("owabi") {
        let what = say!(ja: "owabi という名前は、記録でプログラム自身を指すため使えません。", en: "nobody may be called owabi: in the ledger that is the program itself");
        return Err(Failure::new(Exit::Usage, what));
    }
    Ok(name)
}

/// A new person who has a way in: an account, or a password.
async fn added(session: &Session, store: &Store, add: &Add, nobody_yet: bool) -> Result<UserChange, Failure> {
    let Add { role, os_user, .. } = add;
    let first = nobody_yet && store.users().await?.is_empty();
    let account = session.actor(None);
    let shared = session.environment.get("SUDO_USER").is_some_and(|caller| *caller != account);
    // Whoever defines the first person must be able to come back.
    if first && !add.password_stdin && os_user.as_ref().is_some_and(|named| *named != account) {
        return Err(not_yours(&account, shared));
    }
    if let Some(named) = os_user {
        warn_of_account(session, named, shared && *named == account);
    }
    let wanted = add.password_stdin || os_user.is_none();
    let password = wanted.then(|| password::new(session, add.password_stdin)).transpose()?;
    Ok(UserChange::Add { role: *role, os_user: os_user.clone(), password })
}

/// The first user's account is another one than `account`, the one in use; `is_shared`: that is used by more than one person.
fn not_yours(account: &str, is_shared: bool) -> Failure {
    let next = if is_shared {
        say!(ja: "{account} は sudo で使うアカウントで、何人かが使えます。--os-user を付けずに、パスワードを設定してください(--password-stdin なら標準入力から)。", en: "{account} is used through sudo, by more than one person: leave out --os-user, and set a password (from stdin with --password-stdin)")
    } else {
        say!(ja: "--os-user {account} とするか、--password-stdin でパスワードも設定してください。そうしないと、だれも操作できなくなるおそれがあります。", en: "write --os-user {account}, or set a password, too, with --password-stdin: else nobody might get in any more")
    };
    let what = say!(ja: "最初の利用者のアカウントが、いま使っている {account} と違います。", en: "the first user's account is not yours, which is {account}");
    Failure::with(Exit::Usage, what, next)
}

/// An account that many people use, or that is not there, is no reason to refuse it, but a reason to say so.
fn warn_of_account(session: &Session, account: &str, is_shared: bool) {
    if is_shared {
        session.warn(&say!(
            ja: "{account} は sudo で使うアカウントです。sudo でこのアカウントになれる人は、だれでもこの利用者として扱われます。代わりにパスワードを設定してください(`owabi user password`)。",
            en: "{account} is used through sudo: everybody who may become it counts as this user. Set a password instead (`owabi user password`)"
        ));
    } else if is_missing(account) {
        session.warn(&say!(
            ja: "このマシンにアカウント {account} が見つかりません。綴りを確かめてください。アカウントを配るサービスが止まっているだけなら、このままでかまいません。",
            en: "this machine knows no account {account}: is it spelled right? If only the service that hands out accounts is away, leave it"
        ));
    }
}

/// Whether the machine says that there is no such account (exit 2 of getent(1)).
fn is_missing(account: &str) -> bool {
    let mut getent = Command::new("getent");
    let asked = getent.args(["passwd", "--", account]).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    asked.status().is_ok_and(|status| status.code() == Some(2))
}

async fn known(store: &Store, name: &str) -> Result<User, Failure> {
    let found = store.users().await?.into_iter().find(|user| user.name == name);
    found.ok_or_else(|| refused(name, UserRefused::Unknown))
}

fn refused(name: &str, why: UserRefused) -> Failure {
    let (what, next) = match why {
        UserRefused::NameTaken => (
            say!(ja: "{name} という利用者はすでに登録されています。", en: "there is a user {name} already"),
            say!(ja: "`owabi user list` で確かめ、区別できる氏名にしてください。", en: "see `owabi user list`, and choose a name that is told from the others"),
        ),
        UserRefused::AccountTaken => (
            say!(ja: "そのアカウントは、ほかの利用者のものとして登録されています。", en: "that account is another user's"),
            say!(ja: "`owabi user list` で確かめてください。", en: "see `owabi user list`"),
        ),
        UserRefused::Unknown => (
            say!(ja: "{name} という利用者はいません。", en: "there is no user {name}"),
            say!(ja: "`owabi user list` で確かめてください。", en: "see `owabi user list`"),
        ),
        UserRefused::FirstMustBeAdmin => (
            say!(ja: "最初の利用者は管理者(admin)でなければなりません。", en: "the first user must be an admin"),
            say!(ja: "`owabi user add 氏名 --role admin` から始めてください。", en: "begin with `owabi user add NAME --role admin`"),
        ),
        UserRefused::LastAdmin => (
            say!(ja: "{name} は最後の管理者です。停止も、役割の変更もできません。", en: "{name} is the last admin and stays one"),
            say!(ja: "先に、ほかの管理者を登録してください。", en: "add another admin first"),
        ),
    };
    Failure::with(Exit::Failed, what, next)
}

async fn list(session: &Session, store: &Store) -> Answer {
    let users = store.users().await?;
    if users.is_empty() {
        session.tell(&say!(
            ja: "利用者は登録されていません。owabi は、だれが操作しているかを尋ねません。",
            en: "no users are defined: owabi asks nobody who they are"
        ));
    }
    for user in &users {
        session.tell(&line(user));
    }
    session.answer(&json!({ "users": users.iter().map(document).collect::<Vec<_>>() }));
    Ok(Exit::Done)
}

fn line(user: &User) -> super::say::Text {
    let User { name, role, os_user, .. } = user;
    let account = os_user.as_deref().unwrap_or("-");
    let (ja, en) = if user.password.is_some() { ("あり", "yes") } else { ("なし", "no") };
    let (off_ja, off_en) = if user.disabled { ("  停止中", "  disabled") } else { ("", "") };
    say!(
        ja: "{name}  {role}  アカウント {account}  パスワード {ja}{off_ja}",
        en: "{name}  {role}  account {account}  password {en}{off_en}"
    )
}

fn document(user: &User) -> serde_json::Value {
    json!({
        "name": user.name, "role": user.role.as_str(), "os_user": user.os_user,
        "password": user.password.is_some(), "disabled": user.disabled,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_that_is_used_through_sudo_is_never_proposed_as_somebody_s_own() {
        let next = |is_shared| not_yours("owabi", is_shared).next.unwrap();
        assert!(next(false).en.contains("--os-user owabi"));
        let shared = next(true);
        assert!(!shared.en.contains("--os-user owabi") && !shared.ja.contains("--os-user owabi"), "{shared:?}");
        assert!(shared.en.contains("set a password"));
    }
}
