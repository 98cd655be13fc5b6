//! The letters' templates: built in, each replaceable by an operator's file of the same name.

use anyhow::{Context, Result};
use minijinja::syntax::SyntaxConfig;
use minijinja::value::Serde;
use minijinja::{Environment, UndefinedBehavior};
use serde::Serialize;
use std::path::Path;

const BUILT_IN: [(&str, &str); 4] = [
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

/// Steps that a template may take: some hundred times what the built-in ones need.
const FUEL: u64 = 50_000_000;

/// The templates in force. What goes into `.html` is escaped.
#[derive(Debug)]
pub struct Templates(Environment<'static>);

impl Templates {
    /// The built-in templates, with those that `dir` holds in their place.
    ///
    /// # Errors
    /// A file that cannot be read, or is no template: named with its line.
    pub fn open(dir: Option<&Path>) -> Result<Self> {
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        environment.set_fuel(Some(FUEL));
        environment.set_syntax(
            SyntaxConfig::builder()
                .trim_blocks(true)
                .lstrip_blocks(true)
                .build()?,
        );
        for (name, built_in) in BUILT_IN {
            let own = dir.map(|dir| dir.join(name)).filter(|path| path.exists());
            let source = match &own {
                Some(path) => std::fs::read_to_string(path)
                    .with_context(|| format!("cannot read template {}", path.display()))?,
                None => built_in.to_owned(),
            };
            let place = own.map_or_else(|| name.to_owned(), |path| path.display().to_string());
            environment
                .add_template_owned(name, source)
                .with_context(|| format!("template {place} is broken"))?;
        }
        Ok(Self(environment))
    }

    /// Fills the template of this name.
    pub(super) fn fill(&self, name: &str, view: &impl Serialize) -> Result<String> {
        let template = self.0.get_template(name)?;
        template.render(Serde(view)).map_err(|error| {
            let line = error
                .line()
                .map_or(String::new(), |line| format!(" line {line}"));
            anyhow::anyhow!("template {name}{line}: {error:#}")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(source: &str) -> Result<String> {
        let dir = tempfile::tempdir()?;
        std::fs::write(dir.path().join("reminder.html"), source)?;
        Templates::open(Some(dir.path()))?
            .fill("reminder.html", &serde_json::json!({"unit": "<b>"}))
    }

    #[test]
    fn an_operator_s_template_takes_the_place_of_the_built_in_and_is_escaped() {
        assert_eq!(with("致{{ unit }}").unwrap(), "致&lt;b&gt;");
    }

    #[test]
    fn an_unknown_variable_is_refused_with_its_line() {
        let error = with("\n{{ uint }}").unwrap_err().to_string();
        assert!(error.contains("reminder.html line 2"), "{error}");
    }

    #[test]
    fn a_broken_template_is_refused_with_its_file() {
        let error = format!("{:#}", with("{% if %}").unwrap_err());
        assert!(error.contains("reminder.html"), "{error}");
    }
}
