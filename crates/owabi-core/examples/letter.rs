//! Prints the HTML body of a sample letter, to look at in a browser: `cargo run -p owabi-core --example letter DIR ID > letter.html`.
//! DIR holds `config/notices` and `templates/notices`.

use owabi_core::notice::NoticeDefinition;
use owabi_core::render::{Renderer, TemplateSources};
use std::error::Error;
use std::fs::read_to_string;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let (dir, id) = (arguments.next().ok_or("DIR is missing")?, arguments.next().ok_or("ID is missing")?);
    let file = format!("{dir}/config/notices/{id}.yaml");
    let definition = NoticeDefinition::parse(&file, &read_to_string(&file)?)?;
    let part = |name: &str| read_to_string(format!("{dir}/templates/notices/{}/{name}.hbs", definition.template_dir()));
    let sources = TemplateSources { subject: part("subject.txt")?, text: part("body.txt")?, html: part("body.html")? };
    let renderer = Renderer::compile(&definition, &sources)?;
    let member = renderer.samples().last().ok_or("no sample")?;
    print!("{}", renderer.letter(member)?.html);
    Ok(())
}
