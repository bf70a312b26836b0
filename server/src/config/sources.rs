//! Where settings come from: flags over environment over file over defaults.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};

use toml::de::{DeTable, DeValue};

use super::settings::{Setting, Settings};
use super::table::TABLE;

/// A setting that cannot be used: the text names it, its value and what was expected.
#[derive(Debug)]
pub(crate) struct ConfigError(pub(crate) String);

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for ConfigError {}

/// Where a value comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    Default,
    /// The file, and the line.
    File(PathBuf, usize),
    Variable,
    Flag,
}

/// The settings, and where each comes from.
#[derive(Debug)]
pub(crate) struct Effective {
    pub(crate) settings: Settings,
    /// In the order of the table; no text where there is no value.
    pub(crate) values: Vec<(&'static Setting, String, Source)>,
    /// Variables that look like settings and are none.
    pub(crate) unknown: Vec<String>,
}

/// The variable that names the file, where no flag does.
const CONFIG: &str = "SQREEN_SERVER_CONFIG";
const PREFIX: &str = "SQREEN_SERVER_";

/// Puts the settings together. `flags` are by the table's keys; the environment's variables with the prefix count,
/// empty ones as absent.
pub(crate) fn read(
    file: Option<PathBuf>,
    flags: &BTreeMap<String, String>,
    environment: impl Iterator<Item = (OsString, OsString)>,
) -> Result<Effective, ConfigError> {
    let mut variables = variables(environment)?;
    let named = variables.remove(CONFIG).map(PathBuf::from);
    let mut in_file = match file.or(named) {
        Some(path) => read_file(&path)?,
        None => BTreeMap::new(),
    };
    let mut effective = Effective {
        settings: Settings::new(),
        values: Vec::with_capacity(TABLE.len()),
        unknown: Vec::new(),
    };
    for setting in &TABLE {
        let variable = variables.remove(&setting.variable());
        let in_file = in_file.remove(setting.key);
        let (text, source) = match (flags.get(setting.key), variable, in_file) {
            (Some(flag), _, _) => (flag.clone(), Source::Flag),
            (None, Some(variable), _) => (variable, Source::Variable),
            (None, None, Some((text, place))) => (text, place),
            (None, None, None) => (setting.default.to_owned(), Source::Default),
        };
        if source != Source::Default && (setting.set)(&mut effective.settings, &text).is_none() {
            let value = if setting.secret { "<hidden>" } else { &text };
            let name = name(setting, &source);
            let expected = setting.expected;
            return Err(ConfigError(format!("{name}: {value:?} is not {expected}")));
        }
        effective.values.push((setting, text, source));
    }
    let complete = effective.settings.complete();
    complete.map_err(|text| ConfigError(text.to_owned()))?;
    effective.unknown = variables.into_keys().collect();
    Ok(effective)
}

/// What the person who set it calls the setting.
fn name(setting: &Setting, source: &Source) -> String {
    match source {
        Source::Default => setting.key.to_owned(),
        Source::File(path, line) => format!("{}:{line}: {}", path.display(), setting.key),
        Source::Variable => setting.variable(),
        Source::Flag => format!("--{}", setting.key.replace('_', "-")),
    }
}

fn variables(
    environment: impl Iterator<Item = (OsString, OsString)>,
) -> Result<BTreeMap<String, String>, ConfigError> {
    let ours = environment.filter_map(|(name, value)| {
        let name = name.into_string().ok()?;
        (name.starts_with(PREFIX) && !value.is_empty()).then_some((name, value))
    });
    ours.map(|(name, value)| match value.into_string() {
        Ok(value) => Ok((name, value)),
        Err(_) => Err(ConfigError(format!("{name}: not UTF-8"))),
    })
    .collect()
}

/// The file's values by key, each with its place.
fn read_file(path: &Path) -> Result<BTreeMap<String, (String, Source)>, ConfigError> {
    let shown = path.display();
    let text = std::fs::read_to_string(path)
        .map_err(|error| ConfigError(format!("--config {shown}: {error}")))?;
    let line = |at: usize| 1 + text.bytes().take(at).filter(|byte| *byte == b'\n').count();
    let table = DeTable::parse(&text).map_err(|error| {
        let line = error.span().map_or(1, |span| line(span.start));
        ConfigError(format!("{shown}:{line}: not TOML: {}", error.message()))
    })?;
    let mut values = BTreeMap::new();
    for (key, value) in table.get_ref() {
        let line = line(key.span().start);
        let key = key.get_ref().as_ref();
        if !TABLE.iter().any(|setting| setting.key == key) {
            let text = format!("{shown}:{line}: {key}: unknown setting, see sqreen-server --help");
            return Err(ConfigError(text));
        }
        let text = match value.get_ref() {
            DeValue::String(text) => text.to_string(),
            DeValue::Integer(number) => number.to_string(),
            DeValue::Boolean(on) => on.to_string(),
            _ => {
                let text = "expected a text, a whole number or a boolean";
                return Err(ConfigError(format!("{shown}:{line}: {key}: {text}")));
            }
        };
        let place = Source::File(path.to_owned(), line);
        values.insert(key.to_owned(), (text, place));
    }
    Ok(values)
}
