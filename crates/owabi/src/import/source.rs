//! The file that is imported: its hash, and how far it is read.

use sha2::{Digest, Sha256};
use std::cell::Cell;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::rc::Rc;

/// A file that counts the bytes read from it.
pub(super) struct Counted {
    file: File,
    read: Rc<Cell<u64>>,
}

impl Counted {
    pub(super) fn open(path: &Path) -> io::Result<(Self, Rc<Cell<u64>>)> {
        let read = Rc::new(Cell::new(0));
        Ok((Self { file: File::open(path)?, read: Rc::clone(&read) }, read))
    }
}

impl Read for Counted {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let bytes = self.file.read(out)?;
        self.read.set(self.read.get() + bytes as u64);
        Ok(bytes)
    }
}

/// Lower-case hexadecimal SHA-256 of a file. It is read twice, so it must be a regular one.
pub(super) fn sha256(path: &Path) -> io::Result<String> {
    let mut file = File::open(path)?;
    if !file.metadata()?.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file"));
    }
    let (mut state, mut block) = (Sha256::new(), vec![0; 256 * 1024]);
    loop {
        match file.read(&mut block)? {
            0 => return Ok(owabi_core::ids::hex(&state.finalize())),
            bytes => state.update(&block[..bytes]),
        }
    }
}
