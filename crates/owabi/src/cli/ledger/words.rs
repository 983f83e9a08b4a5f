//! What is wrong with a ledger, in words.

use super::super::say::{Text, say};
use crate::japan;
use crate::ledger::{Bad, Mismatch, Misplaced, Sort, Unexplained};
use owabi_core::ledger::{Fault, Finding, SealFault};
use owabi_store::{Store, StoreError};
use serde_json::{Value, json};

/// The first thing that is wrong.
pub(in crate::cli) struct Described {
    pub(in crate::cli) text: Text,
    pub(in crate::cli) json: Value,
}

/// Names it: number, kind, when, whose, what.
pub(super) async fn describe(store: &Store, bad: &Bad) -> Result<Described, StoreError> {
    let fault = bad.fault();
    Ok(match bad {
        Bad::Sealed(Finding::Entry { seq, fault: what }) => entry(store, *seq, *what).await?,
        Bad::Sealed(Finding::Among { seal, first, last }) => Described {
            text: say!(
                ja: "封印 {seal} の記録({first} 番から {last} 番)のどれかが書き換えられています。照合用の控えも書き換えられているため、番号を絞れません。",
                en: "one of the entries {first} to {last} of seal {seal} was changed, and so was what would tell which"
            ),
            json: json!({ "what": "entry", "seal": seal, "first": first, "last": last, "fault": fault }),
        },
        Bad::Sealed(Finding::Seal { number, fault: what }) => {
            Described { text: seal(*number, *what), json: json!({ "what": "seal", "number": number, "fault": fault }) }
        }
        Bad::Beside(mismatch) => beside(mismatch),
        Bad::Member(misplaced) => member(misplaced),
        Bad::Loose(found) => loose(found),
        Bad::SealsGone => Described {
            text: say!(
                ja: "この台帳は封印されていましたが、封印がすべて消されています。",
                en: "this ledger was sealed, and all its seals are gone"
            ),
            json: json!({ "what": "seal", "number": 1, "fault": fault }),
        },
        Bad::KeyGone => Described {
            text: say!(
                ja: "この台帳には封印がありますが、データベースから鍵の記録(meta の ledger_key)が消されています。",
                en: "this ledger has seals, and the database's record of their key (ledger_key in meta) is gone"
            ),
            json: json!({ "what": "key", "fault": fault }),
        },
    })
}

async fn entry(store: &Store, seq: i64, fault: Fault) -> Result<Described, StoreError> {
    let found = store.ledger_entries(seq, seq).await?.into_iter().next().and_then(|row| row.entry);
    let member_id = found.as_ref().and_then(|entry| entry.member_id);
    let member = match member_id {
        Some(id) => store.member_places(id.saturating_sub(1), 1).await?.into_iter().find(|row| row.id == id),
        None => None,
    };
    let what = match fault {
        Fault::Changed => say!(ja: "書き換えられています", en: "was changed"),
        Fault::Missing => say!(ja: "消されています", en: "is missing"),
        Fault::RowGone => say!(ja: "指している記録が消されています", en: "names a row that is gone"),
        Fault::Inserted => say!(ja: "封印の後から差し込まれています", en: "was inserted before what is sealed"),
    };
    let (kind, at) = found.as_ref().map_or(("-", 0), |entry| (entry.kind.as_str(), entry.at));
    let when = if found.is_some() { japan::iso(at) } else { "-".to_owned() };
    let whose = member.as_ref().map_or("-", |row| row.member_no.as_str());
    let notice = found.as_ref().and_then(|entry| entry.notice_id.as_deref());
    let (ja, en) = (what.ja, what.en);
    Ok(Described {
        text: say!(
            ja: "台帳の {seq} 番が{ja}。種類 {kind}、日時 {when}、会員番号 {whose}",
            en: "entry {seq} {en}: kind {kind}, at {when}, member {whose}"
        ),
        json: json!({
            "what": "entry", "number": seq, "fault": fault.as_str(), "kind": found.as_ref().map(|_| kind),
            "at": found.as_ref().map(|_| at), "notice": notice, "member": member.as_ref().map(|_| whose),
        }),
    })
}

fn seal(number: i64, fault: SealFault) -> Text {
    match fault {
        SealFault::Changed => say!(ja: "封印 {number} が書き換えられています。", en: "seal {number} was changed"),
        SealFault::Missing => say!(ja: "封印 {number} が消されています。", en: "seal {number} is missing"),
        SealFault::WrongKey => {
            say!(ja: "封印 {number} は別の鍵で署名されています。", en: "seal {number} is signed with another key")
        }
        SealFault::ChainBroken => {
            say!(ja: "封印 {number} は一つ前の封印につながっていません。", en: "seal {number} does not follow the one before it")
        }
        SealFault::Overlaps => {
            say!(ja: "封印 {number} は、すでに封印された記録を含んでいます。", en: "seal {number} covers entries that were sealed before")
        }
        SealFault::NotTheHead => say!(
            ja: "封印 {number} は、控えてあった封印ではありません。台帳が作り直されています。",
            en: "seal {number} is not the one that was noted: the ledger was made anew"
        ),
        SealFault::CutOff => say!(
            ja: "封印 {number} から後が切り落とされています。控えには記されています。",
            en: "seal {number} and all after it were cut off; the noted head names them"
        ),
    }
}

fn beside(mismatch: &Mismatch) -> Described {
    let Mismatch { what, notice_id, whose, at, seq } = mismatch;
    let when = japan::iso(*at);
    let (ja, en) = match what.as_str() {
        "approval" => ("承認", "approval"),
        "release" => ("解禁", "release"),
        "notice" => ("お知らせ(解禁時の内容)", "notice as released"),
        "resend" => ("再送", "resend"),
        "user" => ("利用者", "user"),
        "state" => ("お知らせの状態", "state of the notice"),
        "hold" => ("削除の禁止", "legal hold"),
        "purge" => ("個人情報の削除", "purge"),
        _ => ("取り込み", "import"),
    };
    let text = match seq {
        Some(seq) => say!(
            ja: "「{notice_id}」の{ja}({whose}、{when})が、台帳の {seq} 番と食い違っています。",
            en: "the {en} of {notice_id} ({whose}, {when}) is not what entry {seq} says"
        ),
        None => say!(
            ja: "「{notice_id}」の{ja}({whose}、{when})が、台帳にありません。",
            en: "no entry tells of the {en} of {notice_id} ({whose}, {when})"
        ),
    };
    let json =
        json!({ "what": what, "fault": "differs", "notice": notice_id, "whose": whose, "at": at, "number": seq });
    Described { text, json }
}

fn loose(found: &Unexplained) -> Described {
    let Unexplained { sort, notice_id, whose } = found;
    let text = match sort {
        Sort::Copying => say!(
            ja: "meta の copying の印が残っており、記録が台帳に載らなくなっています。",
            en: "the mark `copying` stands in meta: nothing is entered into the ledger meanwhile"
        ),
        Sort::TriggerMissing => say!(
            ja: "記録を守るトリガー {whose} がないか、止められています。",
            en: "the trigger {whose}, which keeps the records, is missing or switched off"
        ),
        Sort::TriggerAltered => say!(
            ja: "記録を守るトリガー {whose} が、owabi の作ったものと違います。",
            en: "the trigger {whose}, which keeps the records, is not the one that owabi made"
        ),
        Sort::MemberGone => say!(
            ja: "台帳にある対象者(行 {whose}、「{notice_id}」)が消されています。",
            en: "a member of whom the ledger tells (row {whose}, {notice_id}) is gone"
        ),
        Sort::MembersDiffer => say!(
            ja: "「{notice_id}」の取り込み {whose} の対象者の人数が、取り込んだ人数と違います。",
            en: "import {whose} of {notice_id} has not as many members as it brought"
        ),
        Sort::NotEntered => say!(
            ja: "表 {whose} の行数が、台帳の記録の数と違います。",
            en: "the table {whose} has not as many rows as the ledger has entries of them"
        ),
        Sort::AddressDiffers => say!(
            ja: "会員番号 {whose}(「{notice_id}」)のアドレスは、最後に訂正した、または送ったアドレスと違います。",
            en: "the address of member {whose} of {notice_id} is not the one that was corrected, or written to, last"
        ),
    };
    let json = json!({ "what": "outside", "fault": sort.as_str(), "notice": notice_id, "whose": whose });
    Described { text, json }
}

fn member(misplaced: &Misplaced) -> Described {
    let Misplaced { member_no, notice_id, status, .. } = misplaced;
    Described {
        text: say!(
            ja: "会員番号 {member_no}(「{notice_id}」)の状態 {status} は、台帳の最後の記録と食い違っています。",
            en: "member {member_no} of {notice_id} is {status}, which is not what the ledger says last"
        ),
        json: json!({ "what": "member", "fault": "status_differs", "notice": notice_id, "member": member_no, "status": status }),
    }
}
