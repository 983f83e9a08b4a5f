//! The two forms in which fields and bodies are hashed (RFC 6376 section 3.4).

/// How much a relay may change on the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// Nothing but empty lines at the end.
    Simple,
    /// White space, too.
    Relaxed,
}

/// A field without its last line end.
pub(super) fn field(name: &[u8], value: &[u8], form: Form) -> Vec<u8> {
    match form {
        Form::Simple => [name, b":", value].concat(),
        Form::Relaxed => {
            let name = name.trim_ascii_end().to_ascii_lowercase();
            let unfolded: Vec<u8> = value.iter().copied().filter(|byte| !matches!(byte, b'\r' | b'\n')).collect();
            [name.as_slice(), b":", squeezed(&unfolded).trim_ascii()].concat()
        }
    }
}

/// A whole body.
pub(super) fn body(text: &[u8], form: Form) -> Vec<u8> {
    let mut lines: Vec<Vec<u8>> = lines(text)
        .map(|line| match form {
            Form::Simple => line.to_vec(),
            Form::Relaxed => squeezed(line).trim_ascii_end().to_vec(),
        })
        .collect();
    while lines.last().is_some_and(Vec::is_empty) {
        lines.pop();
    }
    let mut out = Vec::with_capacity(text.len() + 2);
    for line in &lines {
        out.extend_from_slice(line);
        out.extend_from_slice(b"\r\n");
    }
    if lines.is_empty() && form == Form::Simple {
        out.extend_from_slice(b"\r\n");
    }
    out
}

/// The lines without their CRLF.
fn lines(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = text;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let end = memchr::memmem::find(rest, b"\r\n");
        let line = &rest[..end.unwrap_or(rest.len())];
        rest = end.map_or(&[], |end| &rest[end + 2..]);
        Some(line)
    })
}

/// Each run of blanks and tabs is one blank.
fn squeezed(line: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(line.len());
    for byte in line {
        match byte {
            b' ' | b'\t' if out.last() == Some(&b' ') => {}
            b' ' | b'\t' => out.push(b' '),
            other => out.push(*other),
        }
    }
    out
}
