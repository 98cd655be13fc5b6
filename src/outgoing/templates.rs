//! The templates of letters: built in, and replaced one by one from a directory.

use super::words;
use anyhow::{Context, Result, anyhow, ensure};
use minijinja::syntax::SyntaxConfig;
use minijinja::value::Serde;
use minijinja::{Environment, UndefinedBehavior};
use serde::Serialize;
use std::collections::HashSet;
use std::io::ErrorKind;
use std::path::Path;

const BUILT_IN: [(&str, &str); 10] = [
    (
        "alarm.html",
        include_str!("../../config/templates/alarm.html"),
    ),
    (
        "alarm.txt",
        include_str!("../../config/templates/alarm.txt"),
    ),
    (
        "answer.html",
        include_str!("../../config/templates/answer.html"),
    ),
    (
        "answer.txt",
        include_str!("../../config/templates/answer.txt"),
    ),
    (
        "receipt.html",
        include_str!("../../config/templates/receipt.html"),
    ),
    (
        "receipt.txt",
        include_str!("../../config/templates/receipt.txt"),
    ),
    (
        "digest.html",
        include_str!("../../config/templates/digest.html"),
    ),
    (
        "digest.txt",
        include_str!("../../config/templates/digest.txt"),
    ),
    (
        "reminder.html",
        include_str!("../../config/templates/reminder.html"),
    ),
    (
        "reminder.txt",
        include_str!("../../config/templates/reminder.txt"),
    ),
];

/// Some ten times what the largest digest takes.
const FUEL: u64 = 2_000_000;

/// All templates, parsed.
#[derive(Debug)]
pub struct Templates {
    environment: Environment<'static>,
}

impl Default for Templates {
    /// The built-in ones.
    fn default() -> Self {
        Self::open(None).expect("the built-in templates are tested")
    }
}

impl Templates {
    /// Parses the built-in templates and those of `directory`, which replace them by name.
    /// A broken one is refused by file and line, one that uses an unknown variable by its name.
    pub fn open(directory: Option<&Path>) -> Result<Self> {
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        environment.set_fuel(Some(FUEL));
        environment.set_debug(true);
        environment.set_syntax(
            SyntaxConfig::builder()
                .trim_blocks(true)
                .lstrip_blocks(true)
                .build()?,
        );
        environment.add_filter("cut", |text: &str, most: usize| words::cut(text, most));
        environment.add_filter("fit", |text: &str, most: usize| words::fit(text, most));
        for (name, source) in BUILT_IN {
            environment.add_template(name, source)?;
        }
        let mut templates = Self { environment };
        if let Some(directory) = directory {
            templates.replace_from(directory)?;
        }
        Ok(templates)
    }

    /// The letter's HTML and plain text.
    pub(super) fn render(&self, letter: &str, view: &impl Serialize) -> Result<(String, String)> {
        let render = |kind: &str| {
            let template = self.environment.get_template(&format!("{letter}.{kind}"))?;
            template.render(Serde(view))
        };
        let html = render("html").map_err(|error| explain(&error))?;
        let text = render("txt").map_err(|error| explain(&error))?;
        Ok((html, text))
    }

    fn replace_from(&mut self, directory: &Path) -> Result<()> {
        ensure!(
            directory.is_dir(),
            "outgoing.templates names {}, which is no directory",
            directory.display()
        );
        let known = BUILT_IN.map(|(name, _)| self.variables_of_letter(name));
        for ((name, _), known) in BUILT_IN.iter().zip(known) {
            let path = directory.join(name);
            let source = match std::fs::read_to_string(&path) {
                Ok(source) => source,
                Err(error) if error.kind() == ErrorKind::NotFound => continue,
                Err(error) => return Err(error).with_context(|| path.display().to_string()),
            };
            self.replace(name, source, &known)
                .with_context(|| format!("template file {}", path.display()))?;
        }
        Ok(())
    }

    fn replace(
        &mut self,
        name: &'static str,
        source: String,
        known: &HashSet<String>,
    ) -> Result<()> {
        self.environment
            .add_template_owned(name, source)
            .map_err(|error| explain(&error))?;
        let template = self.environment.get_template(name)?;
        let used = template.undeclared_variables(false);
        let mut unknown: Vec<_> = used.difference(known).collect();
        unknown.sort();
        let source = template.source();
        if let Some(variable) = unknown.first() {
            let line = source.lines().position(|line| line.contains(*variable));
            let line = line.map_or(0, |index| index + 1);
            return Err(anyhow!(
                "{name}, line {line}: unknown variable `{variable}`"
            ));
        }
        Ok(())
    }

    /// Variables that the HTML or the text of a built-in letter uses; between them they use all.
    fn variables_of_letter(&self, name: &str) -> HashSet<String> {
        let letter = name.split('.').next();
        self.environment
            .templates()
            .filter(|(other, _)| other.split('.').next() == letter)
            .flat_map(|(_, template)| template.undeclared_variables(false))
            .collect()
    }
}

/// Template, line and the failing expression itself; minijinja's own words name no variable.
fn explain(error: &minijinja::Error) -> anyhow::Error {
    let expression = error
        .range()
        .zip(error.template_source())
        .and_then(|(range, source)| source.get(range))
        .map(|expression| format!(" at `{expression}`"));
    anyhow!(
        "{}, line {}: {}{}{}",
        error.name().unwrap_or("template"),
        error.line().unwrap_or(0),
        error.kind(),
        error.detail().map(|d| format!(": {d}")).unwrap_or_default(),
        expression.unwrap_or_default(),
    )
}
