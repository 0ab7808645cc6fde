//! The environment, read once: where secrets come from.
//!
//! A secret is looked for in the credentials that systemd hands to the service, then in the
//! process's environment, then in `.env` at the root of the workspace; the first one that is not
//! empty counts. `.env` never changes the process's own environment, so that no program that a
//! workflow starts inherits it. No value appears in a message or a debug text.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use crate::ids::is_identifier;
use crate::secret::{Secret, Secrets};
use crate::units::ByteSize;

/// The largest credential in bytes, as systemd has it.
const CREDENTIAL_LIMIT: u64 = 1024 * 1024;

/// The largest `.env`, in bytes.
const DOTENV_LIMIT: u64 = 64 * 1024;

/// The largest value in it. Entries may repeat earlier ones, and could so grow without end.
const VALUE_LIMIT: usize = 8 * 1024;

/// The most mistakes of `.env` that are told.
const ERRORS: usize = 20;

/// Where a value was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Origin {
    /// A file in systemd's folder of credentials.
    Credential,
    /// A variable of the process.
    Variable,
    /// A line of `.env`.
    DotEnv,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Credential => "systemd credential",
            Self::Variable => "environment",
            Self::DotEnv => ".env",
        })
    }
}

/// A snapshot of everything that may hold a secret.
#[derive(Clone, Default)]
pub struct Environment {
    credentials: Option<PathBuf>,
    variables: HashMap<String, String>,
    dotenv: BTreeMap<String, String>,
}

/// Why a place where secrets may lie could not be read. The rest counts all the same.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EnvironmentError {
    /// `.env` as a whole.
    #[error("`.env` cannot be read: {0}")]
    DotEnv(String),
    /// One entry of `.env`; its text may be a secret and is not shown.
    #[error(
        "entry {0} of `.env` is not understood: write `NAME=value`, in single quotes if it holds spaces or `$`"
    )]
    Entry(usize),
    /// One entry is too long; those after it are not read.
    #[error("entry {0} of `.env` has a value of more than 8 KiB: nothing is read from there on")]
    TooLong(usize),
}

impl Environment {
    /// Reads the process's environment, and `.env` in this folder. Blocking. Returns what was found
    /// with what could not be read.
    pub fn read(workspace: &Path) -> (Self, Vec<EnvironmentError>) {
        // Names and values that are not UTF-8 cannot be asked for.
        let variables = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
        match bounded(&workspace.join(".env"), DOTENV_LIMIT) {
            Ok(text) => Self::from_parts(variables, &text),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Self::from_parts(variables, ""),
            Err(error) => {
                let (environment, mut errors) = Self::from_parts(variables, "");
                errors.push(EnvironmentError::DotEnv(error.to_string()));
                (environment, errors)
            }
        }
    }

    /// The environment of these variables and this text of a `.env`.
    pub fn from_parts(
        variables: impl IntoIterator<Item = (String, String)>,
        dotenv: &str,
    ) -> (Self, Vec<EnvironmentError>) {
        let variables: HashMap<_, _> = variables.into_iter().collect();
        let mut errors = Vec::new();
        let mut entries = BTreeMap::new();
        let text = dotenv.trim_start_matches('\u{feff}');
        for (index, entry) in dotenvy::from_read_iter(text.as_bytes()).enumerate() {
            match entry {
                Ok((_, value)) if value.len() > VALUE_LIMIT => {
                    errors.push(EnvironmentError::TooLong(index + 1));
                    break;
                }
                Ok((name, value)) => {
                    entries.insert(name, value);
                }
                Err(_) if errors.len() >= ERRORS => {}
                Err(_) => errors.push(EnvironmentError::Entry(index + 1)),
            }
        }
        let credentials = variables.get("CREDENTIALS_DIRECTORY").map(PathBuf::from);
        (Self { credentials, variables, dotenv: entries }, errors)
    }

    /// A variable of the process that is no secret.
    pub fn variable(&self, name: &str) -> Option<&str> {
        self.variables.get(name).map(String::as_str)
    }

    /// The secret of this name and where it was found; an empty one counts as not set. Blocking where
    /// there are credentials.
    pub fn secret(&self, name: &str) -> Option<(Secret, Origin)> {
        if !is_identifier(name) {
            return None;
        }
        let credential = || {
            let path = self.credentials.as_ref()?.join(name);
            bounded(&path, CREDENTIAL_LIMIT).ok().map(without_newline)
        };
        let found = [
            (credential(), Origin::Credential),
            (self.variables.get(name).cloned(), Origin::Variable),
            (self.dotenv.get(name).cloned(), Origin::DotEnv),
        ];
        let (value, origin) = found.into_iter().find_map(|(value, origin)| {
            value.filter(|value| !value.is_empty()).map(|value| (value, origin))
        })?;
        Some((Secret::new(value), origin))
    }

    /// The secrets of these names, as far as they are set, for filling and for redaction. Blocking
    /// where there are credentials.
    pub fn secrets_for<'a>(&self, names: impl IntoIterator<Item = &'a str>) -> Secrets {
        let found = names.into_iter().filter_map(|name| Some((name.to_owned(), self.secret(name)?.0)));
        Secrets::new(found.collect())
    }
}

impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Environment")
            .field("credentials", &self.credentials)
            .field("dotenv", &self.dotenv.keys())
            .finish_non_exhaustive()
    }
}

/// The text of a regular file of bounded size.
fn bounded(path: &Path, limit: u64) -> io::Result<String> {
    // Opening a FIFO would wait for its other end.
    if !path.metadata()?.is_file() {
        return Err(io::Error::other("it is not a regular file"));
    }
    let mut text = String::new();
    File::open(path)?.take(limit + 1).read_to_string(&mut text)?;
    if text.len() as u64 > limit {
        return Err(io::Error::other(format!("it is larger than {}", ByteSize(limit))));
    }
    Ok(text)
}

/// A file's text without the line end that editors add.
fn without_newline(mut text: String) -> String {
    if text.ends_with('\n') {
        text.pop();
        if text.ends_with('\r') {
            text.pop();
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variables(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    fn shown(environment: &Environment, name: &str) -> Option<(String, Origin)> {
        environment.secret(name).map(|(secret, origin)| (secret.expose().to_owned(), origin))
    }

    #[test]
    fn the_first_place_that_has_a_value_counts() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("A"), "from a file\n").unwrap();
        std::fs::create_dir(folder.path().join("D")).unwrap();
        let path = folder.path().to_str().unwrap();
        let variables = variables(&[("CREDENTIALS_DIRECTORY", path), ("A", "x"), ("B", "var"), ("C", "")]);
        let dotenv = "\u{feff}# keys\nA=y\nB='z'\nexport C=\"two words\"\n";
        let (environment, errors) = Environment::from_parts(variables, dotenv);
        assert!(errors.is_empty());
        assert_eq!(shown(&environment, "A"), Some(("from a file".into(), Origin::Credential)));
        assert_eq!(shown(&environment, "B"), Some(("var".into(), Origin::Variable)));
        assert_eq!(shown(&environment, "C"), Some(("two words".into(), Origin::DotEnv)));
        for name in ["D", "NONE", "../A", "", "a-b"] {
            assert_eq!(shown(&environment, name), None, "{name}");
        }
    }

    #[test]
    fn only_the_names_asked_for_become_secrets() {
        let (environment, _) = Environment::from_parts(variables(&[("A", "alpha"), ("B", "beta")]), "");
        let secrets = environment.secrets_for(["A", "NONE"]);
        assert_eq!(secrets.names().collect::<Vec<_>>(), ["A"]);
        assert_eq!(secrets.redact("alpha beta"), "[secret A] beta");
    }

    #[test]
    fn a_broken_entry_is_told_without_its_text_and_the_rest_counts() {
        let (environment, errors) = Environment::from_parts([], "A=1\ns3cr3t oops\nB=2\n");
        assert_eq!(errors, [EnvironmentError::Entry(2)]);
        assert!(!errors[0].to_string().contains("s3cr3t"));
        assert_eq!(shown(&environment, "B"), Some(("2".into(), Origin::DotEnv)));
        assert!(!format!("{environment:?}").contains('2'));
    }

    #[test]
    fn entries_that_repeat_each_other_do_not_grow_without_end() {
        let mut bomb = "A=xxxxxxxxxxxxxxxx\n".to_owned();
        bomb.extend(std::iter::repeat_n("A=${A}${A}${A}${A}\n", 500));
        let (_, errors) = Environment::from_parts([], &bomb);
        assert!(matches!(errors[..], [EnvironmentError::TooLong(_)]), "{errors:?}");
    }

    #[test]
    fn a_dotenv_file_is_read_and_leaves_the_process_alone() {
        let folder = tempfile::tempdir().unwrap();
        let name = "HOWDAH_TEST_ONLY_IN_DOTENV";
        std::fs::write(folder.path().join(".env"), format!("{name}=here\n")).unwrap();
        let (environment, errors) = Environment::read(folder.path());
        assert!(errors.is_empty());
        assert_eq!(shown(&environment, name), Some(("here".into(), Origin::DotEnv)));
        assert!(std::env::var_os(name).is_none());
        let empty = tempfile::tempdir().unwrap();
        assert!(Environment::read(empty.path()).1.is_empty());
        std::fs::create_dir(empty.path().join(".env")).unwrap();
        assert!(matches!(Environment::read(empty.path()).1[..], [EnvironmentError::DotEnv(_)]));
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_reading_fail(text in "[A-C=\"'#$\\\\{} \\n\\r\u{e9}]{0,60}") {
            Environment::from_parts([], &text);
        }
    }
}
