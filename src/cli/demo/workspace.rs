//! The demo's workspace: its folder, its files, and what is done to them.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::cli::problem::Problem;

/// The workflow of the inbox.
const LETTERS: &str = include_str!("letters.yaml");

/// The workflow behind the webhook.
const TICKETS: &str = include_str!("tickets.yaml");

/// What comes to the webhook.
pub(super) const TICKET: &str = "The shop is down. It is an outage since nine, and nobody can pay.";

/// The line that is edited, and what it becomes.
const EDIT: (&str, &str) =
    ("Summarise this letter in two sentences:", "List the key points of this letter as bullets:");

/// The line that is broken, and how.
const BREAK: (&str, &str) = ("{{inputs.text}}\n\n", "{{inputs.txt}}\n\n");

/// What the report of the mistake must name.
pub(super) const MISTAKE: &str = "txt";

/// The letters that are dropped.
const ALL_LETTERS: [(&str, &str); 3] = [
    (
        "bakery",
        "From June the bakery opens at six. We bake half of the bread at night and the rest before noon, \
         so that it is fresh all day. Orders for the weekend are taken until Thursday evening.\n",
    ),
    (
        "library",
        "The library opens on Sundays from ten to four. Volunteers run the front desk. The reading room for \
         children moves to the ground floor.\n",
    ),
    (
        "museum",
        "The museum shows ship models until autumn. Guided tours start at two each day. Members come in \
         for free.\n",
    ),
];

/// The folder of the demo.
pub(super) struct Place {
    folder: PathBuf,
    origin: Origin,
}

/// Whose folder it is.
#[derive(PartialEq, Eq)]
enum Origin {
    /// Somebody named it.
    Named,
    /// It was made for this demo.
    Temporary,
}

impl Place {
    /// The folder that was named, or a temporary one; it exists and is empty.
    ///
    /// # Errors
    /// When it is not empty, or cannot be made.
    pub fn choose(named: Option<&Path>) -> Result<Self, Problem> {
        let Some(folder) = named else {
            let made = tempfile::Builder::new().prefix("howdah-demo-").tempdir();
            let folder = made.map_err(|error| cannot("make a temporary folder", &error))?.keep();
            return Ok(Self { folder, origin: Origin::Temporary });
        };
        let failed =
            |error| Problem::invalid(format!("cannot use the folder `{}`: {error}", folder.display()));
        fs::create_dir_all(folder).map_err(failed)?;
        let folder = folder.canonicalize().map_err(failed)?;
        if fs::read_dir(&folder).map_err(failed)?.next().is_some() {
            let problem = Problem::invalid(format!("the folder `{}` is not empty", folder.display()));
            return Err(problem.with_help("name an empty folder, or one that does not exist yet"));
        }
        Ok(Self { folder, origin: Origin::Named })
    }

    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Removes what nobody asked to keep.
    pub fn discard(&self) {
        if self.origin == Origin::Temporary {
            // What cannot be removed stays for the system to clean up.
            let _ = fs::remove_dir_all(&self.folder);
        }
    }
}

/// The files of the demo.
pub(super) struct Files {
    folder: PathBuf,
}

impl Files {
    /// Writes the workspace; `pager` is where outages are delivered.
    pub fn write(folder: &Path, pager: &str) -> Result<Self, Problem> {
        let files = Self { folder: folder.to_owned() };
        for name in ["workflows", "inbox", "out"] {
            let path = files.folder.join(name);
            fs::create_dir_all(&path)
                .map_err(|error| cannot(&format!("make the folder `{}`", path.display()), &error))?;
        }
        files.put("workflows/letters.yaml", LETTERS)?;
        files.put("workflows/tickets.yaml", TICKETS)?;
        files.put(".env", &format!("PAGER_URL={pager}\n"))?;
        Ok(files)
    }

    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Puts one of the letters into the inbox.
    pub fn drop_letter(&self, name: &str) -> Result<(), Problem> {
        let text = ALL_LETTERS.iter().find(|(known, _)| *known == name).map_or("", |(_, text)| text);
        self.put(&format!("inbox/{name}.txt"), text)
    }

    /// The summary of a letter, once there is one.
    pub fn summary(&self, name: &str) -> Result<Option<String>, Problem> {
        let path = self.folder.join(format!("out/{name}.summary.md"));
        match fs::read_to_string(&path) {
            Ok(text) => Ok(Some(text)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(cannot(&format!("read `{}`", path.display()), &error)),
        }
    }

    /// Changes a line of the letters' workflow; gives the line before and after.
    pub fn edit(&self) -> Result<(&'static str, &'static str), Problem> {
        self.put("workflows/letters.yaml", &edited())?;
        Ok(EDIT)
    }

    /// Breaks a line of it.
    pub fn break_it(&self) -> Result<(&'static str, &'static str), Problem> {
        self.put("workflows/letters.yaml", &broken())?;
        Ok(BREAK)
    }

    /// What lies in the folder for people to look at.
    pub fn made(&self) -> Vec<(String, String)> {
        [
            ("workflows/", "the two workflows; `letters.yaml` still has its mistake"),
            ("inbox/", "the letters that were dropped"),
            ("out/", "their summaries"),
            (".howdah/", "the journal of all runs"),
            ("daemon.log", "what the daemon said"),
        ]
        .map(|(name, what)| (name.to_owned(), what.to_owned()))
        .into()
    }

    /// Writes a file in one move, as editors do, so that nobody sees half of it.
    fn put(&self, name: &str, text: &str) -> Result<(), Problem> {
        let (new, path) = (self.folder.join(".new~"), self.folder.join(name));
        let written = fs::write(&new, text).and_then(|()| fs::rename(&new, &path));
        written.map_err(|error| cannot(&format!("write `{}`", path.display()), &error))
    }
}

fn cannot(what: &str, error: &io::Error) -> Problem {
    Problem::failed(format!("cannot {what}: {error}"))
}

fn edited() -> String {
    LETTERS.replace(EDIT.0, EDIT.1)
}

fn broken() -> String {
    edited().replace(BREAK.0, BREAK.1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check;
    use crate::cli::exit::Exit;
    use crate::diagnostic::render::{self, Color, Style};
    use crate::diagnostic::{Diagnostics, SourceFile, SourceMap};

    /// What the checker says of a workflow, drawn.
    fn checked(text: &str) -> String {
        let mut sources = SourceMap::default();
        let file = sources.add(SourceFile::new("workflows/letters.yaml", text));
        let mut diagnostics = Diagnostics::new();
        let kinds = crate::registry::kinds();
        let prompts = check::Prompts::default();
        let world = check::World { kinds: &kinds, settings: &[], prompts: &prompts, signatures: None };
        check::read(&sources, file, &kinds).check(&world, &mut diagnostics);
        render::human(&diagnostics.sorted(), &sources, Style { color: Color::Off, width: 100 })
    }

    #[test]
    fn the_workflows_check_clean_before_and_after_the_edit() {
        assert_ne!(edited(), LETTERS);
        for text in [LETTERS, TICKETS, &edited()] {
            assert_eq!(checked(text), "");
        }
    }

    #[test]
    fn the_broken_edit_has_one_mistake_with_a_caret_and_advice() {
        let told = checked(&broken());
        assert_eq!(told.matches("error").count(), 1, "{told}");
        assert!(told.contains(MISTAKE) && told.contains('^') && told.contains("`text`"), "{told}");
    }

    #[test]
    fn a_folder_that_holds_something_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let new = folder.path().join("a/b");
        let place = Place::choose(Some(&new)).unwrap();
        assert_eq!(place.folder(), new.canonicalize().unwrap());
        fs::write(new.join("x"), "").unwrap();
        let refused = Place::choose(Some(&new)).err().unwrap();
        assert!(refused.exit() == Exit::Invalid && refused.to_string().contains("is not empty"), "{refused}");
        place.discard();
        assert!(new.join("x").exists(), "a folder that somebody named is never removed");
    }

    #[test]
    fn a_temporary_folder_can_be_discarded() {
        let place = Place::choose(None).unwrap();
        Files::write(place.folder(), "http://127.0.0.1:1/pager").unwrap();
        assert!(place.folder().join("workflows/letters.yaml").exists());
        place.discard();
        assert!(!place.folder().exists());
    }
}
