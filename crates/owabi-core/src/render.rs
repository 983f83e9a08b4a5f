//! Rendering: a notice, its templates and one member make a letter; a letter and a stamp make a mail.
//!
//! Templates are compiled once, in strict mode, and proved on synthetic members before the first real one. Two registries: HTML output
//! is escaped, plain text is not. The same member and stamp always give the same bytes.

mod context;
mod dates;
mod error;
mod fill;
mod fingerprint;
mod header;
mod helpers;
mod lint;
mod mime;
mod pieces;
mod plain;
mod rules;
mod samples;
mod web;

pub use error::{RenderError, TemplateError};
pub use plain::{PlainMail, plain_mail};
pub use web::{WEB_TEMPLATE, WebPage};

use crate::guard::{Guard, GuardProblem};
use crate::member::Member;
use crate::notice::NoticeDefinition;
use handlebars::{Context, Handlebars};
use pieces::Pieces;
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

/// The names of the three template files, as they stand in `templates/notices/<id>/`.
pub const TEMPLATE_FILES: [&str; 3] = ["subject.txt.hbs", "body.txt.hbs", "body.html.hbs"];

/// The texts of a notice's template files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TemplateSources {
    /// `subject.txt.hbs`; its line end does not count.
    pub subject: String,
    /// `body.txt.hbs`.
    pub text: String,
    /// `body.html.hbs`.
    pub html: String,
}

/// What a member reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Letter {
    /// One line.
    pub subject: String,
    /// The plain text body, lines ended by `\n`.
    pub text: String,
    /// The HTML body.
    pub html: String,
}

/// What a mail needs beside its letter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp<'a> {
    /// The To address in header form, the local part quoted where it must be: ASCII, or the member's own (RFC 6532).
    pub to: &'a str,
    /// The Message-ID without its angle brackets.
    pub message_id: &'a str,
    /// The Date, milliseconds since 1970; written in Japan time.
    pub dated_at_ms: i64,
}

/// A mail ready to leave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mail {
    /// The whole message: 7-bit, CRLF, not dot-stuffed, ending with CRLF.
    pub bytes: Vec<u8>,
    /// SHA-256 of `bytes`.
    pub sha256: [u8; 32],
}

/// A notice compiled for rendering. Shared by all workers.
pub struct Renderer {
    definition: NoticeDefinition,
    plain: Handlebars<'static>,
    escaped: Handlebars<'static>,
    letter: LetterPieces,
    paragraphs: Vec<Option<Pieces>>,
    guard: Guard,
    headers: mime::Fixed,
    samples: Vec<Member>,
    /// Contexts that hold the facts already; one is borrowed for a render.
    contexts: Mutex<Vec<Context>>,
    base: Value,
    template_hash: [u8; 32],
    facts_hash: [u8; 32],
}

struct LetterPieces {
    subject: Pieces,
    text: Pieces,
    html: Pieces,
}

impl std::fmt::Debug for Renderer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Renderer").field("notice", &self.definition.id).finish_non_exhaustive()
    }
}

impl Renderer {
    /// Compiles a notice and renders synthetic members of every cohort, so that a mistake in a template shows here and not at night.
    ///
    /// # Errors
    /// The first mistake, with file, line and column: bad syntax, a missing fact or field, an unknown helper, a helper's wrong argument,
    /// unescaped output, or a sender that is not fit for a header.
    pub fn compile(definition: &NoticeDefinition, sources: &TemplateSources) -> Result<Self, TemplateError> {
        let base = context::base(definition).map_err(|error| TemplateError::of_notice(&error))?;
        let fields = rules::lint_all(definition, sources, &base)?;
        let (plain, escaped) = (rules::registry(definition, false), rules::registry(definition, true));
        let guard = Guard::new(&rules::guard_rules(definition, &plain, &base)?);
        let renderer = Self {
            letter: LetterPieces::compile(sources)?,
            paragraphs: rules::compile_paragraphs(definition)?,
            guard,
            headers: mime::Fixed::new(definition).map_err(|error| TemplateError::new("notice", error.text()))?,
            samples: samples::members(definition, &fields),
            contexts: Mutex::new(Vec::new()),
            template_hash: fingerprint::templates(sources),
            facts_hash: fingerprint::facts(definition).map_err(|error| TemplateError::of_notice(&error))?,
            definition: definition.clone(),
            base,
            plain,
            escaped,
        };
        renderer.proved_and_folded()
    }

    /// The letter of one member. The facts guard has not seen it yet.
    ///
    /// # Errors
    /// A value that is missing or of the wrong kind, with file and line; a cohort that the notice does not have; a control character in
    /// the name.
    pub fn letter(&self, member: &Member) -> Result<Letter, RenderError> {
        header::refuse_control("name", &member.name)?;
        let mut context = self.borrow_context();
        let letter = self.letter_in(&mut context, member)?;
        // A context that failed half-way is dropped, so that nothing of one member is left for another.
        self.contexts.lock().unwrap_or_else(PoisonError::into_inner).push(context);
        Ok(letter)
    }

    /// Every reason why the facts guard would refuse this letter.
    pub fn guard(&self, member: &Member, letter: &Letter) -> Vec<GuardProblem> {
        self.guard.check(&member.name, letter)
    }

    /// The mail of one member: letter, facts guard, MIME and hash.
    ///
    /// # Errors
    /// Those of [`Renderer::letter`]; [`RenderError::Guard`] with every problem; what is not fit for a header.
    pub fn mail(&self, member: &Member, stamp: &Stamp<'_>) -> Result<Mail, RenderError> {
        let letter = self.letter(member)?;
        let problems = self.guard(member, &letter);
        if !problems.is_empty() {
            return Err(RenderError::Guard(problems));
        }
        let bytes = self.headers.mail(member, &letter, stamp)?;
        let sha256 = Sha256::digest(&bytes).into();
        Ok(Mail { bytes, sha256 })
    }

    /// What the facts guard says of the synthetic members' letters, each problem once: `check` before there is a roster.
    ///
    /// # Errors
    /// As [`Renderer::letter`].
    pub fn check(&self) -> Result<Vec<GuardProblem>, RenderError> {
        let mut found = BTreeSet::new();
        for sample in &self.samples {
            found.extend(self.guard(sample, &self.letter(sample)?));
        }
        Ok(found.into_iter().collect())
    }

    /// Synthetic members that take every branch: for previews and test mails before there is a roster.
    pub fn samples(&self) -> &[Member] {
        &self.samples
    }

    /// The notice that this renderer was compiled from.
    pub fn definition(&self) -> &NoticeDefinition {
        &self.definition
    }

    /// SHA-256 over the template sources.
    pub fn template_hash(&self) -> [u8; 32] {
        self.template_hash
    }

    /// SHA-256 over what the notice says and from whom; its policy and roster columns do not count.
    pub fn facts_hash(&self) -> [u8; 32] {
        self.facts_hash
    }

    /// One hash over both: what an approval binds to.
    pub fn fingerprint(&self) -> [u8; 32] {
        fingerprint::both(self.template_hash, self.facts_hash)
    }

    /// [`Renderer::fingerprint`] as 64 lower-case hexadecimal digits.
    pub fn fingerprint_hex(&self) -> String {
        mime::hex(&self.fingerprint())
    }

    fn borrow_context(&self) -> Context {
        let free = self.contexts.lock().unwrap_or_else(PoisonError::into_inner).pop();
        free.unwrap_or_else(|| Context::from(self.base.clone()))
    }

    fn letter_in(&self, context: &mut Context, member: &Member) -> Result<Letter, RenderError> {
        let member = context::member(&self.definition, member, |cohort, payments| {
            self.paragraph(context, cohort, &member.name, payments)
        })?;
        context.data_mut()["member"] = member;
        let render = |pieces: &Pieces, registry: &Handlebars<'static>, room: usize| {
            let mut text = String::with_capacity(room);
            pieces.render(registry, context, &mut text).map(|()| text)
        };
        let subject = render(&self.letter.subject, &self.plain, 128)?.trim_matches(['\r', '\n', ' ']).to_owned();
        header::refuse_control("subject", &subject)?;
        let text = render(&self.letter.text, &self.plain, 4_096)?;
        Ok(Letter { subject, text, html: render(&self.letter.html, &self.escaped, 8_192)? })
    }

    fn paragraph(
        &self,
        context: &mut Context,
        cohort: usize,
        name: &str,
        payments: &Value,
    ) -> Result<String, RenderError> {
        let Some(pieces) = &self.paragraphs[cohort] else { return Ok(String::new()) };
        let mut text = String::new();
        let root = context.data_mut();
        root["payments"] = payments.clone();
        root["title"] = self.definition.cohorts[cohort].title.as_str().into();
        root["name"] = name.into();
        pieces.render(&self.plain, context, &mut text)?;
        if let Some(root) = context.data_mut().as_object_mut() {
            root.retain(|key, _| !matches!(key.as_str(), "payments" | "title" | "name"));
        }
        Ok(fill::join_lines(&text))
    }

    /// Renders the samples, replaces what is the same for all members by its text, and keeps that only if it changes no sample's letter.
    fn proved_and_folded(mut self) -> Result<Self, TemplateError> {
        let before = self.sample_letters()?;
        let base = Context::from(self.base.clone());
        let folded = self.letter.folded(&self.plain, &self.escaped, &base);
        let whole = std::mem::replace(&mut self.letter, folded);
        if self.sample_letters().as_ref() != Ok(&before) {
            self.letter = whole;
        }
        Ok(self)
    }

    fn sample_letters(&self) -> Result<Vec<Letter>, TemplateError> {
        let letter = |sample: &Member| match self.letter(sample) {
            Ok(letter) => Ok(letter),
            Err(RenderError::Template(error)) => Err(error),
            Err(other) => Err(TemplateError::new("notice", other.text())),
        };
        self.samples.iter().map(letter).collect()
    }
}

impl LetterPieces {
    fn compile(sources: &TemplateSources) -> Result<Self, TemplateError> {
        let [subject, text, html] = TEMPLATE_FILES;
        Ok(Self {
            subject: Pieces::whole(subject, &sources.subject)?,
            text: Pieces::whole(text, &sources.text)?,
            html: Pieces::whole(html, &sources.html)?,
        })
    }

    fn folded(&self, plain: &Handlebars<'_>, escaped: &Handlebars<'_>, base: &Context) -> Self {
        Self {
            subject: self.subject.folded(plain, base),
            text: self.text.folded(plain, base),
            html: self.html.folded(escaped, base),
        }
    }
}
