//! The database file: how it is opened, what is demanded of it, and its schema, step by step.
//!
//! A step that was published is never edited; a change is one more step.

use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, OpenFlags, Transaction, TransactionBehavior};

/// The steps from an empty file to the present schema. `user_version` counts those taken.
const MIGRATIONS: [&str; 4] = [
    include_str!("schema_1.sql"),
    include_str!("schema_2.sql"),
    include_str!("schema_3.sql"),
    include_str!("schema_4.sql"),
];

/// How long a statement waits while something else, a backup say, holds the file.
const BUSY: Duration = Duration::from_secs(5);

/// From this many bytes on the write-ahead log is cut back when it has been emptied.
const LOG_LIMIT: i64 = 64 * 1024 * 1024;

/// The pages of the write-ahead log from which it is written back: rarely enough that its cost is
/// spread over many commits.
const CHECKPOINT_PAGES: i64 = 4_000;

/// How many prepared statements a connection keeps: more than there are.
const STATEMENTS: usize = 64;

/// Why a database cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// A later version of the program made it.
    #[error(
        "the journal `{}` has schema {found}, and this program knows up to {known}: use the version of howdah \
         that wrote it",
        path.display()
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its schema.
        found: i64,
        /// The newest that this program knows.
        known: i64,
    },
    /// It is damaged, or something else than a database.
    #[error(
        "the journal `{}` cannot be read ({reason}): put a backup in its place, or move it away together with \
         its `-wal` file to begin with an empty history",
        path.display()
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What SQLite said.
        reason: String,
    },
    /// It cannot be opened for writing.
    #[error("the journal `{}` cannot be written ({reason}): check the folder's permissions and free space", path.display())]
    NotWritable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        reason: String,
    },
    /// The machine does not give what durability needs.
    #[error("the journal `{}` cannot be kept safely: `{pragma}` is `{found}`, not `{wanted}`", path.display())]
    Unsafe {
        /// The file.
        path: PathBuf,
        /// The setting that did not take.
        pragma: &'static str,
        /// What it is.
        found: String,
        /// What it has to be.
        wanted: &'static str,
    },
}

impl OpenError {
    /// What an error of SQLite means to somebody who wants this file open.
    pub(super) fn of(path: &Path, error: &rusqlite::Error) -> Self {
        let (path, reason) = (path.to_owned(), error.to_string());
        match error.sqlite_error_code() {
            Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => Self::Damaged { path, reason },
            _ => Self::NotWritable { path, reason },
        }
    }
}

/// Opens the file for writing, makes it if it is not there, and brings its schema up to date.
pub(super) fn create(path: &Path) -> Result<Connection, OpenError> {
    let mut connection = writable(path, OpenFlags::SQLITE_OPEN_CREATE)?;
    migrate(path, &mut connection)?;
    Ok(connection)
}

/// Opens the file for writing again, as it was. A file that is gone is not made anew.
pub(super) fn reopen(path: &Path) -> Result<Connection, OpenError> {
    writable(path, OpenFlags::empty())
}

/// Opens the file for reading.
pub(super) fn readable(path: &Path) -> Result<Connection, OpenError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let open = || {
        let connection = Connection::open_with_flags(path, flags)?;
        connection.busy_timeout(BUSY)?;
        connection.set_prepared_statement_cache_capacity(STATEMENTS);
        let found = version(&connection)?;
        Ok((connection, found))
    };
    let (connection, found) = open().map_err(|error| OpenError::of(path, &error))?;
    check_version(path, found)?;
    Ok(connection)
}

fn writable(path: &Path, create: OpenFlags) -> Result<Connection, OpenError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX | create;
    let open = || {
        let connection = Connection::open_with_flags(path, flags)?;
        connection.busy_timeout(BUSY)?;
        connection.set_prepared_statement_cache_capacity(STATEMENTS);
        // Takes effect only while the file is empty, and must come before anything is written.
        connection.pragma_update(None, "auto_vacuum", "INCREMENTAL")?;
        connection.pragma_update(None, "journal_mode", "WAL")?;
        // Some builds make NORMAL the default of WAL, which loses commits when the power goes.
        connection.pragma_update(None, "synchronous", "FULL")?;
        connection.pragma_update(None, "foreign_keys", true)?;
        connection.pragma_update(None, "journal_size_limit", LOG_LIMIT)?;
        connection.pragma_update(None, "wal_autocheckpoint", CHECKPOINT_PAGES)?;
        connection.pragma_update(None, "temp_store", "MEMORY")?;
        Ok(connection)
    };
    let connection = open().map_err(|error| OpenError::of(path, &error))?;
    demand(path, &connection)?;
    Ok(connection)
}

/// Reads back what durability rests on.
fn demand(path: &Path, connection: &Connection) -> Result<(), OpenError> {
    for (pragma, wanted) in [("journal_mode", "wal"), ("synchronous", "2"), ("foreign_keys", "1")] {
        let found = connection
            .pragma_query_value(None, pragma, |row| {
                Ok(match row.get_ref(0)? {
                    rusqlite::types::ValueRef::Integer(number) => number.to_string(),
                    other => other.as_str()?.to_owned(),
                })
            })
            .map_err(|error| OpenError::of(path, &error))?;
        if found != wanted {
            return Err(OpenError::Unsafe { path: path.to_owned(), pragma, found, wanted });
        }
    }
    Ok(())
}

fn migrate(path: &Path, connection: &mut Connection) -> Result<(), OpenError> {
    let failed = |error: rusqlite::Error| OpenError::of(path, &error);
    let transaction = Transaction::new(connection, TransactionBehavior::Immediate).map_err(failed)?;
    let found = version(&transaction).map_err(failed)?;
    check_version(path, found)?;
    for (number, step) in (1_i64..).zip(MIGRATIONS).filter(|(number, _)| *number > found) {
        transaction.execute_batch(step).map_err(failed)?;
        transaction.pragma_update(None, "user_version", number).map_err(failed)?;
    }
    transaction.commit().map_err(failed)
}

fn version(connection: &Connection) -> rusqlite::Result<i64> {
    connection.pragma_query_value(None, "user_version", |row| row.get(0))
}

fn check_version(path: &Path, found: i64) -> Result<(), OpenError> {
    let known = MIGRATIONS.len() as i64;
    if found > known {
        return Err(OpenError::Newer { path: path.to_owned(), found, known });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value<T: rusqlite::types::FromSql>(connection: &Connection, pragma: &str) -> T {
        connection.pragma_query_value(None, pragma, |row| row.get(0)).unwrap()
    }

    #[test]
    fn a_commit_is_flushed_and_the_file_can_shrink() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("journal.db");
        drop(create(&path).unwrap());
        for connection in [create(&path).unwrap(), reopen(&path).unwrap()] {
            assert_eq!(value::<String>(&connection, "journal_mode"), "wal");
            assert_eq!(value::<i64>(&connection, "synchronous"), 2, "FULL");
            assert_eq!(value::<i64>(&connection, "auto_vacuum"), 2, "INCREMENTAL");
            assert!(value::<bool>(&connection, "foreign_keys"));
        }
    }

    #[test]
    fn a_weaker_setting_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("journal.db");
        let connection = create(&path).unwrap();
        connection.pragma_update(None, "synchronous", "NORMAL").unwrap();
        let refused = demand(&path, &connection).unwrap_err().to_string();
        assert!(refused.ends_with("`synchronous` is `1`, not `2`"), "{refused}");
    }

    #[test]
    fn a_newer_schema_is_refused_and_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("journal.db");
        create(&path).unwrap().pragma_update(None, "user_version", 99).unwrap();
        for refused in [create(&path).unwrap_err(), readable(&path).unwrap_err()] {
            let refused = refused.to_string();
            let known = MIGRATIONS.len();
            let expected = format!("has schema 99, and this program knows up to {known}");
            assert!(refused.contains(&expected), "{refused}");
        }
    }

    #[test]
    fn a_file_that_is_no_database_is_refused_with_the_way_out() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("journal.db");
        std::fs::write(&path, "these are notes, and they are longer than a header".repeat(40)).unwrap();
        let refused = create(&path).unwrap_err().to_string();
        assert!(refused.contains("put a backup in its place, or move it away"), "{refused}");
    }

    #[test]
    fn a_file_that_cannot_be_made_is_named_and_one_that_is_gone_not_made_anew() {
        let dir = tempfile::tempdir().unwrap();
        let refused = create(&dir.path().join("absent/journal.db")).unwrap_err();
        assert!(matches!(refused, OpenError::NotWritable { .. }), "{refused}");
        let path = dir.path().join("journal.db");
        assert!(reopen(&path).is_err());
        assert!(!path.exists());
    }
}
