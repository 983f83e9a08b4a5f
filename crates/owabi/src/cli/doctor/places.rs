//! Where files are written: room, inodes, the kind of file system, and whether this user may write there.

use super::super::say::{Text, say};
use super::{Findings, mib};
use crate::config::{Config, Target};
use rustix::fs::{Access, access, statfs, statvfs};
use std::collections::BTreeSet;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

const AREA: &str = "disk";
/// Octets and inodes without which nothing that owabi writes beside the queue fits.
const LEAST: u64 = 64 << 20;
const LEAST_INODES: u64 = 100;
/// Kinds of file systems by their magic numbers (statfs(2)): over a network locks do not hold, and commits may not be durable.
const NETWORK: [(u32, &str); 11] = [
    (0x6969, "NFS"),
    (0xFF53_4D42, "CIFS"),
    (0xFE53_4D42, "SMB2"),
    (0x517B, "SMB"),
    (0x0102_1997, "9P"),
    (0x00C3_6400, "Ceph"),
    (0x5346_414F, "AFS"),
    (0x7375_7245, "Coda"),
    (0x7461_636F, "OCFS2"),
    (0x0116_1970, "GFS2"),
    (0x0BD0_0BD0, "Lustre"),
];
/// Whatever a program makes a file system of: a disk (ntfs-3g) or another machine (sshfs, `GlusterFS`).
const FUSE: u32 = 0x6573_5546;
const MEMORY: [u32; 2] = [0x0102_1994, 0x8584_58F6];

/// `need`: room that the queue still needs (octets).
pub(super) fn look(config: &Config, need: u64, found: &mut Findings) {
    let mut places = Vec::new();
    if let Some(Target::Sqlite(file)) = config.database.target() {
        let file = std::fs::canonicalize(&file).unwrap_or(file);
        kind(folder(&file), found);
        places.push((folder(&file).to_owned(), need));
    }
    places.push((folder(&config.dispatch.spool).to_owned(), LEAST));
    places.extend(config.ledger.key_credential.is_none().then(|| (folder(&config.ledger.key_file).to_owned(), LEAST)));
    let mut seen = BTreeSet::new();
    for (place, need) in places {
        may_write(&place, &mut seen, found);
        room(&place, need, &mut seen, found);
    }
}

fn folder(file: &Path) -> &Path {
    file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

fn may_write(place: &Path, seen: &mut BTreeSet<PathBuf>, found: &mut Findings) {
    if !seen.insert(place.to_owned()) {
        return;
    }
    let shown = place.display();
    match access(place, Access::WRITE_OK | Access::EXEC_OK) {
        Ok(()) => found.good(AREA, say!(ja: "{shown} に書けます。", en: "{shown} can be written")),
        Err(error) => found.bad(
            AREA,
            say!(ja: "{shown} に書けません: {error}", en: "{shown} cannot be written: {error}"),
            say!(ja: "owabi を動かすユーザーで実行しているか、フォルダーの所有者と権限を確かめてください。", en: "run this as the user that owabi runs as, and see who owns the folder"),
        ),
    }
}

/// One line a file system: the first place on it, which is the database's if that is there, says how much is needed.
fn room(place: &Path, need: u64, seen: &mut BTreeSet<PathBuf>, found: &mut Findings) {
    let (Ok(of), Ok(device)) = (statvfs(place), std::fs::metadata(place).map(|of| of.dev())) else { return };
    if !seen.insert(PathBuf::from(format!("device {device}"))) {
        return;
    }
    let (free, shown) = (of.f_bavail * of.f_frsize, place.display());
    let (has, needs) = (mib(free).en, mib(need).en);
    let message = say!(ja: "{shown} の空きは {has}(必要な見込み {needs})。", en: "{shown} has {has} of room (about {needs} are needed)");
    let next = say!(ja: "空きを増やしてください。足りなくなると、記録できないので送信が止まります。", en: "make room: when it is used up nothing can be recorded, so nothing is sent");
    if free < need {
        found.bad(AREA, message, next);
    } else if free / 2 < need {
        found.careful(AREA, message, next);
    } else {
        found.good(AREA, message);
    }
    // Some file systems have no fixed number of inodes, and say 0.
    if of.f_files > 0 && of.f_favail < LEAST_INODES {
        let left = of.f_favail;
        found.bad(
            AREA,
            say!(ja: "{shown} に作れるファイルは、あと {left} 個です(i ノード)。", en: "{shown} has inodes for {left} more files"),
            say!(ja: "要らないファイルを消してください(`df -i`)。", en: "remove files that nobody needs (`df -i`)"),
        );
    }
}

/// Of the place of a SQLite file.
fn kind(place: &Path, found: &mut Findings) {
    let Ok(of) = statfs(place) else { return };
    // The kernel's magic numbers have 32 bits, whatever the field's type is.
    tell_kind(u32::try_from(of.f_type & 0xFFFF_FFFF).unwrap_or_default(), place, found);
}

fn tell_kind(magic: u32, place: &Path, found: &mut Findings) {
    let shown = place.display();
    if let Some((_, name)) = NETWORK.iter().find(|(number, _)| *number == magic) {
        found.bad(
            AREA,
            say!(ja: "{shown} はネットワーク上のファイルシステム({name})です。SQLite の排他も記録の確実さも保証されません。", en: "{shown} is on a network file system ({name}): SQLite's locks do not hold there, nor do commits"),
            say!(ja: "データベースをこのマシンのディスクに置くか、PostgreSQL を使ってください。", en: "keep the database on a disk of this machine, or use PostgreSQL"),
        );
    } else if magic == FUSE {
        found.careful(
            AREA,
            say!(ja: "{shown} は FUSE のファイルシステムです。sshfs や GlusterFS のように別のマシンにあるなら、SQLite の排他も記録の確実さも保証されません。", en: "{shown} is on a FUSE file system: if that is another machine's, as with sshfs and GlusterFS, SQLite's locks do not hold there, nor do commits"),
            say!(ja: "`findmnt -T {shown}` で種類を確かめ、別のマシンなら、データベースをこのマシンのディスクに置くか PostgreSQL を使ってください。", en: "see what it is with `findmnt -T {shown}`; if it is another machine's, keep the database on a disk of this one, or use PostgreSQL"),
        );
    } else if MEMORY.contains(&magic) {
        let Text { ja, en } = say!(ja: "メモリー上", en: "in memory");
        found.careful(
            AREA,
            say!(ja: "{shown} は{ja}にあります。再起動で消えます。", en: "{shown} is {en}: a restart loses it"),
            say!(ja: "データベースをディスクに置いてください。", en: "keep the database on a disk"),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::super::Level;
    use super::*;

    #[test]
    fn a_file_system_in_memory_is_told_from_a_disk() {
        let mut found = Findings::default();
        kind(Path::new("/dev/shm"), &mut found);
        assert!(found.0.len() == 1 && found.0[0].message.en.contains("a restart loses it"));
        kind(Path::new("/proc"), &mut found);
        assert_eq!(found.0.len(), 1);
    }

    #[test]
    fn a_file_system_of_a_program_may_be_another_machine_s_and_one_over_a_network_is() {
        for (magic, level, words) in
            [(0x6573_5546, Level::Careful, "a FUSE file system"), (0x6969, Level::Bad, "(NFS)")]
        {
            let mut found = Findings::default();
            tell_kind(magic, Path::new("/srv"), &mut found);
            assert!(found.0.len() == 1 && found.0[0].level == level, "{magic:x}");
            assert!(found.0[0].message.en.contains(words) && found.0[0].next.is_some(), "{}", found.0[0].message.en);
        }
    }
}
