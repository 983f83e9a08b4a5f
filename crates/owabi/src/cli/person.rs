//! Who is asking, whether they may, and the ledger's entry for what they are shown.

use super::exit::{Exit, Failure};
use super::login;
use super::say::{Text, say};
use super::session::Session;
use owabi_core::people::{Action, Role};
use owabi_store::{Store, User};
use serde_json::{Value, json};

/// What stands in the ledger for an address.
const ADDRESS: &str = "(address)";

/// Somebody who was found to be who they say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Person {
    /// The name that the ledger gets.
    pub(crate) name: String,
    /// What the person may do and the account of the operating system; `None` while nobody is defined: then owabi asks
    /// nobody.
    user: Option<(Role, Option<String>)>,
}

impl Person {
    /// Whether owabi knows its people.
    pub(crate) fn is_known(&self) -> bool {
        self.user.is_some()
    }

    /// Whether something done under `name` was done by this person: by their account, before they were defined.
    pub(crate) fn is(&self, name: &str) -> bool {
        self.name == name || self.user.as_ref().is_some_and(|(_, account)| account.as_deref() == Some(name))
    }
}

impl From<&User> for Person {
    fn from(user: &User) -> Self {
        Self { name: user.name.clone(), user: Some((user.role, user.os_user.clone())) }
    }
}

impl Session {
    /// Who is asking, if they may do `action`. Every verb that needs a person asks here, before it does anything.
    pub(crate) async fn person(&self, store: &Store, action: Action) -> Result<Person, Failure> {
        let person = self.who.get_or_try_init(|| self.find_person(store)).await?;
        match &person.user {
            Some((role, _)) if !role.may(action) => {
                let body = json!({ "action": action.as_str(), "role": role.as_str() });
                store.append_ledger(self.now(), &person.name, "refused", None, &body).await?;
                Err(may_not(person, *role, action))
            }
            _ => Ok(person.clone()),
        }
    }

    /// The same for what everybody may do about themselves.
    pub(crate) async fn person_about(&self, store: &Store, action: Action, name: &str) -> Result<Person, Failure> {
        let person = self.who.get_or_try_init(|| self.find_person(store)).await?;
        if person.is_known() && person.name == name { Ok(person.clone()) } else { self.person(store, action).await }
    }

    /// Members' data is about to be shown: this is in the ledger first. `filter` says what was asked for, without names
    /// and addresses; `rows` how many there are.
    pub(crate) async fn look(&self, store: &Store, verb: &str, filter: &Value, rows: i64) -> Result<(), Failure> {
        self.shown(store, Action::Look, verb, filter, rows).await
    }

    /// The same for what goes into a file.
    pub(crate) async fn export(&self, store: &Store, verb: &str, filter: &Value, rows: i64) -> Result<(), Failure> {
        self.shown(store, Action::Export, verb, filter, rows).await
    }

    async fn shown(&self, store: &Store, action: Action, verb: &str, filter: &Value, rows: i64) -> Result<(), Failure> {
        let person = self.person(store, action).await?;
        let filter = without_member_no(store, without_addresses(filter)).await?;
        let notice = filter["notice"].as_str();
        let body = json!({ "verb": verb, "filter": filter, "rows": rows });
        let kept = store.append_ledger(self.now(), &person.name, action.as_str(), notice, &body).await;
        kept.map_err(|error| unrecorded(error.into()))
    }

    async fn find_person(&self, store: &Store) -> Result<Person, Failure> {
        let users = store.users().await?;
        if users.iter().all(|user| user.disabled) {
            return self.anybody();
        }
        match self.named() {
            Some(name) => login::log_in(self, store, &name).await,
            None => self.by_account(store, &users).await,
        }
    }

    /// Nobody is defined: the name that was given, else the account's.
    fn anybody(&self) -> Result<Person, Failure> {
        let name = self.actor(self.named().as_deref());
        if name.is_empty() {
            let next = say!(ja: "--as に氏名を書いてください。", en: "name yourself with --as");
            return Err(Failure::with(Exit::Usage, say!(ja: "名前が空です。", en: "the name is empty"), next));
        }
        Ok(Person { name, user: None })
    }

    async fn by_account(&self, store: &Store, users: &[User]) -> Result<Person, Failure> {
        let account = self.actor(None);
        let user = users.iter().find(|user| user.os_user.as_ref() == Some(&account));
        if let Some(user) = user.filter(|user| !user.disabled) {
            return Ok(Person::from(user));
        }
        let body = json!({ "why": if user.is_some() { "disabled" } else { "unknown_account" } });
        store.append_ledger(self.now(), &account, "login_failed", None, &body).await?;
        Err(nobody(&account, user.is_some()))
    }
}

fn unrecorded(failure: Failure) -> Failure {
    let Text { ja, en } = failure.what;
    let what = say!(
        ja: "だれが見たかを記録できないため、何も表示しません。{ja}",
        en: "nothing is shown, because the look cannot be recorded: {en}"
    );
    Failure { exit: Exit::Unavailable, what, next: failure.next }
}

/// A member's number names a person, and the ledger cannot be purged: the rows stand for it, as `#17`.
async fn without_member_no(store: &Store, mut filter: Value) -> Result<Value, Failure> {
    let Some(no) = filter["member"].as_str().filter(|no| *no != ADDRESS).map(str::to_owned) else {
        return Ok(filter);
    };
    let mut rows = Vec::new();
    for known in store.notices().await? {
        if filter["notice"].as_str().is_none_or(|id| id == known.id) {
            rows.extend(store.member(&known.id, &no).await?.map(|member| format!("#{}", member.id)));
        }
    }
    filter["member"] = if rows.is_empty() { "(nobody)".into() } else { rows.join(" ").into() };
    Ok(filter)
}

/// An address that was typed where none belongs is not kept: the ledger cannot forget.
fn without_addresses(filter: &Value) -> Value {
    let mut filter = filter.clone();
    for value in filter.as_object_mut().into_iter().flat_map(serde_json::Map::values_mut) {
        if value.as_str().is_some_and(|text| text.contains(['@', '＠'])) {
            *value = json!(ADDRESS);
        }
    }
    filter
}

fn may_not(person: &Person, role: Role, action: Action) -> Failure {
    let roles: Vec<&str> = Role::ALL.into_iter().filter(|role| role.may(action)).map(Role::as_str).collect();
    let (name, action) = (&person.name, action.as_str());
    let (ja, en) = (roles.join("、"), roles.join(", "));
    Failure::with(
        Exit::Failed,
        say!(
            ja: "{name} さんの役割({role})では、この操作({action})はできません。",
            en: "{name} is {role} and may not do this ({action})"
        ),
        say!(
            ja: "できる役割: {ja}。その役割の人に頼むか、管理者に `owabi user role` で役割の変更を依頼してください。",
            en: "who may: {en}. Ask one of them, or have an admin change the role with `owabi user role`"
        ),
    )
}

fn nobody(account: &str, disabled: bool) -> Failure {
    let what = if disabled {
        say!(ja: "アカウント {account} の利用者は停止されています。", en: "the user of the account {account} is disabled")
    } else {
        say!(ja: "アカウント {account} に対応する利用者が登録されていません。", en: "no user is defined for the account {account}")
    };
    let next: Text = say!(
        ja: "`owabi --as 氏名 …` でパスワードを使って名乗るか、管理者に `owabi user list` で確かめてもらってください。",
        en: "name yourself with `owabi --as NAME …` and a password, or ask an admin, who sees everybody with `owabi user list`"
    );
    Failure::with(Exit::Failed, what, next)
}
