//! Keys, passwords, the configuration, the queue's file and what waits in spool files: who may read and write them, and whose they are.

use super::super::say::say;
use super::Findings;
use crate::config::{Config, Target};
use rustix::fs::{Access, access};
use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

const AREA: &str = "files";

pub(super) fn look(config: &Config, found: &mut Findings) {
    look_at_configuration(&config.file, found);
    let keys = [Some(&config.keys.file), config.ledger.key_credential.is_none().then_some(&config.ledger.key_file)];
    keys.into_iter().flatten().for_each(|key| secret(key, true, found));
    let relays = config.smtp.relays.iter().filter_map(|relay| relay.password_file.as_ref());
    let others = [&config.database.password_file, &config.receipts.imap.password_file];
    relays.chain(others.into_iter().flatten()).for_each(|file| secret(file, false, found));
    if let Some(Target::Sqlite(file)) = config.database.target() {
        look_at_queue(&file, found);
    }
    look_at_spool(&config.dispatch.spool, found);
}

/// Whoever may write it may send everybody's mail through another relay.
fn look_at_configuration(file: &Path, found: &mut Findings) {
    let (Ok(of), shown) = (file.metadata(), file.display()) else { return };
    let mode = of.mode() & 0o7777;
    if mode & 0o022 == 0 {
        return found.good(AREA, say!(ja: "{shown} は所有者だけが書き換えられます({mode:04o})。", en: "only its owner can write {shown} ({mode:04o})"));
    }
    found.bad(
        AREA,
        say!(ja: "{shown} を所有者以外も書き換えられます({mode:04o})。", en: "others than its owner can write {shown} ({mode:04o})"),
        say!(ja: "`chmod go-w {shown}`", en: "`chmod go-w {shown}`"),
    );
}

fn secret(file: &Path, is_key: bool, found: &mut Findings) {
    let shown = file.display();
    let of = match file.metadata() {
        Ok(of) => of,
        Err(error) if is_key && error.kind() == std::io::ErrorKind::NotFound => {
            return found.careful(
                AREA,
                say!(ja: "鍵 {shown} がありません。", en: "the key {shown} is not there"),
                say!(ja: "まだ一度も動かしていなければ、最初に作られます。動かしたことがあれば、保管してある写しを戻してください。", en: "it is made at first use; if owabi ran here before, restore the copy that you keep"),
            );
        }
        Err(error) => {
            return found.bad(
                AREA,
                say!(ja: "{shown} を見られません: {error}", en: "{shown} cannot be looked at: {error}"),
                say!(ja: "ファイルがあるか、owabi を動かすユーザーで実行しているか確かめてください。", en: "see that it is there, and run this as the user that owabi runs as"),
            );
        }
    };
    let mode = of.mode() & 0o7777;
    if mode & 0o077 != 0 {
        found.bad(
            AREA,
            say!(ja: "{shown} をほかの人も読めます({mode:04o})。", en: "others can read {shown} ({mode:04o})"),
            say!(ja: "`chmod 600 {shown}`", en: "`chmod 600 {shown}`"),
        );
    } else if access(file, Access::READ_OK).is_err() {
        found.bad(
            AREA,
            say!(ja: "{shown} を読めません。", en: "{shown} cannot be read"),
            say!(ja: "owabi を動かすユーザーのものにしてください。", en: "give it to the user that owabi runs as"),
        );
    } else {
        found.good(AREA, say!(ja: "{shown} は所有者だけが読めます。", en: "only its owner can read {shown}"));
    }
}

fn look_at_queue(file: &Path, found: &mut Findings) {
    let (Ok(of), shown) = (file.metadata(), file.display()) else { return };
    let mode = of.mode() & 0o7777;
    if mode & 0o007 != 0 && is_open(file) {
        found.careful(
            AREA,
            say!(ja: "{shown} を、このマシンの誰でも読めます({mode:04o})。会員の宛先が入っています。", en: "everybody on this machine can read {shown} ({mode:04o}), and it has the members' addresses"),
            say!(ja: "`chmod 600 {shown}`(フォルダーを 0700 にしても防げます)", en: "`chmod 600 {shown}` (or make its folder 0700)"),
        );
    }
    look_at_owner(&of, file, found);
}

/// Whether others may come to it through its folder.
fn is_open(file: &Path) -> bool {
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    folder.metadata().is_ok_and(|of| of.mode() & 0o001 != 0)
}

/// The service's user is the one who owns its queue.
fn look_at_owner(of: &Metadata, file: &Path, found: &mut Findings) {
    let (me, owner, shown) = (rustix::process::geteuid().as_raw(), of.uid(), file.display());
    if me == owner {
        return found
            .good(AREA, say!(ja: "{shown} の持ち主として実行しています。", en: "this runs as the owner of {shown}"));
    }
    found.careful(
        AREA,
        say!(ja: "{shown} の持ち主はユーザー番号 {owner} ですが、{me} として実行しています。", en: "{shown} belongs to user {owner}, and this runs as {me}"),
        say!(
            ja: "owabi を動かすユーザーで実行してください(`sudo -u '#{owner}' owabi …`)。別のユーザーで作ったファイルは、サービスから読めなくなります。",
            en: "run owabi as the user of its service (`sudo -u '#{owner}' owabi …`): files that another user makes cannot be read by it"
        ),
    );
}

fn look_at_spool(spool: &Path, found: &mut Findings) {
    for file in beginning_with(spool) {
        let shown = file.display();
        let name = file.to_string_lossy();
        if name.ends_with(".late") || name.ends_with(".unreadable") {
            found.careful(
                "spool",
                say!(ja: "{shown} に、記録に使われなかった送信結果があります。", en: "{shown} has outcomes that were not recorded"),
                say!(ja: "`owabi log` の同じ会員の記録と見比べ、確かめたら別の場所に保管してください。", en: "compare with the same members in `owabi log`, then move it to another place"),
            );
        } else {
            found.careful(
                "spool",
                say!(ja: "{shown} に、まだ記録されていない送信結果があります。", en: "{shown} has outcomes that are not recorded yet"),
                say!(ja: "消さずに、`owabi run` を動かしてください。最初に記録されます。", en: "do not delete it; start `owabi run`, which records them first"),
            );
        }
    }
}

fn beginning_with(spool: &Path) -> Vec<PathBuf> {
    let folder = spool.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let begins = format!("{}.", spool.file_name().unwrap_or_default().to_string_lossy());
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut files: Vec<_> = entries
        .filter(|entry| entry.file_name().to_string_lossy().starts_with(&begins))
        .map(|entry| entry.path())
        .collect();
    files.sort();
    files
}
