//! A compiled template, cut where the member comes in: everything between is rendered once for all members.

use super::error::TemplateError;
use handlebars::{Context, Handlebars, Output, RenderContext, Renderable, Template};
use std::io;

/// A template of one file.
pub(super) struct Pieces {
    file: String,
    pieces: Vec<Piece>,
}

enum Piece {
    /// Text that is the same for every member.
    Constant(String),
    /// Elements that need a member.
    Dynamic(Template),
}

struct Text<'a>(&'a mut String);

impl Output for Text<'_> {
    fn write(&mut self, text: &str) -> Result<(), io::Error> {
        self.0.push_str(text);
        Ok(())
    }
}

impl Pieces {
    /// Compiles a source whole, as one piece.
    pub(super) fn whole(file: &str, source: &str) -> Result<Self, TemplateError> {
        let mut template = Template::compile(source).map_err(|error| TemplateError::parsing(file, &error))?;
        template.name = Some(file.to_owned());
        Ok(Self { file: file.to_owned(), pieces: vec![Piece::Dynamic(template)] })
    }

    /// The same template with every element that `base`, a context without a member, is enough for replaced by its text.
    ///
    /// An element that could look at a member in a way that does not fail without one is kept: whatever mentions `member`, `this`,
    /// `@root` or the like anywhere in it.
    pub(super) fn folded(&self, registry: &Handlebars<'_>, base: &Context) -> Self {
        let mut folded = Self { file: self.file.clone(), pieces: Vec::new() };
        for piece in &self.pieces {
            match piece {
                Piece::Constant(text) => folded.push_constant(text),
                Piece::Dynamic(template) => folded.push_elements(template, registry, base),
            }
        }
        folded
    }

    fn push_elements(&mut self, template: &Template, registry: &Handlebars<'_>, base: &Context) {
        for (index, element) in template.elements.iter().enumerate() {
            let mut alone = template.clone();
            alone.elements = vec![element.clone()];
            alone.mapping = template.mapping.get(index).cloned().into_iter().collect();
            let words = format!("{element:?}");
            let text = render_one(&alone, registry, base)
                .ok()
                .filter(|_| matches_no(&words, &["member", "root", "\"this\"", "\".\""]));
            match text {
                Some(text) => self.push_constant(&text),
                None => self.push_dynamic(alone),
            }
        }
    }

    fn push_constant(&mut self, text: &str) {
        match self.pieces.last_mut() {
            Some(Piece::Constant(before)) => before.push_str(text),
            _ => self.pieces.push(Piece::Constant(text.to_owned())),
        }
    }

    fn push_dynamic(&mut self, template: Template) {
        match self.pieces.last_mut() {
            Some(Piece::Dynamic(before)) => {
                before.elements.extend(template.elements);
                before.mapping.extend(template.mapping);
            }
            _ => self.pieces.push(Piece::Dynamic(template)),
        }
    }

    /// Renders into `out`.
    pub(super) fn render(
        &self,
        registry: &Handlebars<'_>,
        context: &Context,
        out: &mut String,
    ) -> Result<(), TemplateError> {
        for piece in &self.pieces {
            match piece {
                Piece::Constant(text) => out.push_str(text),
                Piece::Dynamic(template) => {
                    let mut state = RenderContext::new(template.name.as_ref());
                    let done = template.render(registry, context, &mut state, &mut Text(out));
                    done.map_err(|error| TemplateError::rendering(&self.file, &error))?;
                }
            }
        }
        Ok(())
    }
}

fn matches_no(text: &str, words: &[&str]) -> bool {
    words.iter().all(|word| !text.contains(word))
}

fn render_one(
    template: &Template,
    registry: &Handlebars<'_>,
    base: &Context,
) -> Result<String, handlebars::RenderError> {
    let mut text = String::new();
    let mut state = RenderContext::new(template.name.as_ref());
    template.render(registry, base, &mut state, &mut Text(&mut text))?;
    Ok(text)
}
